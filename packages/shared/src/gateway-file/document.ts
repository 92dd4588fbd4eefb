// The text as YAML, and where in it something stands.
import { createRequire } from 'node:module'
import type { Document, YAMLError } from 'yaml'

const require = createRequire(import.meta.url)
/** Loaded when there is a text to read: most services have no file. */
const yaml = (): typeof import('yaml') => require('yaml')

/** From 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** What is wrong, where, and what to do. No secret is in it, and no query of a URL. */
export interface Fault extends Place {
  readonly message: string
}

export interface ParsedText {
  readonly value: unknown
  /** Of the value at this path, or of its name; where it is missing, of what it would be in. */
  placeOf(path: readonly PropertyKey[], part?: 'name' | 'value'): Place
}

/** The parser's own words may repeat the text, and so a secret. */
const words: Readonly<Record<string, string>> = {
  BAD_INDENT: 'the indentation does not fit',
  DUPLICATE_KEY: 'this name stands here twice: take one away',
  MISSING_CHAR: 'a character is missing here: a bracket, a quote, a colon, a comma or a space',
  MULTIPLE_DOCS: 'a second document begins here: there may be one',
  MULTILINE_IMPLICIT_KEY: 'a name must be on one line; perhaps the line before lacks a colon',
  TAB_AS_INDENT: 'tabs cannot indent: use spaces',
  TAG_RESOLVE_FAILED: 'tags (!…) are not known here: take it away',
}

/** Aliases may multiply: a few lines of text could be gigabytes. */
const aliases = 100

export function parseText(text: string): ParsedText | readonly Fault[] {
  const { LineCounter, parseDocument } = yaml()
  const lines = new LineCounter()
  const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' })
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const faults = [...parsed.errors, ...parsed.warnings].map((error: YAMLError) => ({
    ...place(error.pos[0]),
    message: words[error.code] ?? `is not YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`,
  }))
  if (faults.length > 0) return faults
  try {
    const value: unknown = parsed.toJS({ maxAliasCount: aliases })
    return { value, placeOf: (path, part = 'value') => place(offsetOf(parsed, path, part)) }
  } catch {
    return [{ line: 1, column: 1, message: 'has an alias without an anchor, or more aliases than can be followed' }]
  }
}

function offsetOf(parsed: Document, path: readonly PropertyKey[], part: 'name' | 'value'): number {
  const { isAlias, isMap, isScalar, isSeq } = yaml()
  let node: unknown = parsed.contents
  let offset = startOf(node) ?? 0
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(parsed)
    const isLast = depth === path.length - 1
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (!pair) break
      const name = startOf(pair.key)
      node = pair.value
      offset = (isLast && part === 'value' ? startOf(node) : undefined) ?? name ?? offset
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      offset = startOf(node) ?? offset
    } else break
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return yaml().isNode(node) ? node.range?.[0] : undefined
}
