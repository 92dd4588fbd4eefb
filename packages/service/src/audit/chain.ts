// Lines that hold together: each has the digest of the one before it by the same process. Who changes, adds or takes away a line
// in the middle has to write again all that follow by that process. It proves nothing against somebody who does that, nor against lines
// in the name of a process that there never was, and no digest is missing where the last lines of a process are.
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Bytes at the end of a file in which its last line is looked for: a line has fewer. */
const tailLength = 65_536

export interface Chain {
  /** What the next line has as its member `chain`. */
  next(): { readonly writer: string; readonly line: number; readonly previous?: string }
  /** That line was taken. Without its end. */
  took(line: string): void
}

/** `readBefore`: the last line that is there already, of another process perhaps. Asked for the first line. */
export function createChain(readBefore: () => string | undefined): Chain {
  const writer = randomBytes(6).toString('hex')
  let previous: string | undefined
  let count = 0
  return {
    next() {
      const before = count === 0 ? readBefore() : undefined
      if (before !== undefined) previous = digestOf(before)
      return { writer, line: count + 1, ...(previous !== undefined && { previous }) }
    },
    took(line) {
      count += 1
      previous = digestOf(line)
    },
  }
}

function digestOf(line: string): string {
  return createHash('sha256').update(line).digest('hex')
}

/** Undefined where there is no file, or nothing in it. */
export function lastLineOf(path: string): string | undefined {
  try {
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      const tail = Buffer.alloc(Math.min(size, tailLength))
      readSync(file, tail, 0, tail.length, size - tail.length)
      return tail.toString('utf8').trimEnd().split('\n').at(-1) || undefined
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}

export interface ChainReport {
  readonly lines: number
  readonly writers: number
  /** `line`: its number in what was read, from 1. */
  readonly faults: readonly { readonly line: number; readonly fault: string }[]
  /** What is no fault and should be known: where the beginning of what was read is not that of a chain. */
  readonly notes: readonly string[]
  /** Of the last line: who keeps it elsewhere notices if lines are cut off at the end. */
  readonly last: string | undefined
}

interface Known {
  readonly line: number
  readonly digest: string
}

/** `lines` in the order in which they were written; those of several files one after the other. */
export async function verifyChain(lines: AsyncIterable<string> | Iterable<string>): Promise<ChainReport> {
  const faults: { line: number; fault: string }[] = []
  const notes: string[] = []
  const writers = new Map<string, Known>()
  const digests = new Set<string>()
  let number = 0
  let last: string | undefined

  function judge(text: string): string | undefined {
    const chain = chainIn(text)
    if (chain === 'broken') return 'is no line of an audit'
    if (!chain) return 'has no member chain'
    const { writer, line, previous } = chain
    const known = writers.get(writer)
    writers.set(writer, { line, digest: digestOf(text) })
    if (known) {
      if (line !== known.line + 1) return `is line ${line} of ${writer}, and the one before it is line ${known.line}`
      return previous === known.digest ? undefined : `the line before it by ${writer} was changed`
    }
    if (line > 1) {
      notes.push(`line ${number}: ${writer} begins with its line ${line}; those before it are not among these`)
    } else if (previous === undefined) {
      if (number > 1) notes.push(`line ${number}: ${writer} begins a chain that no line before it leads to`)
    } else if (!digests.has(previous)) {
      if (number > 1) return 'the line that its process found before it is gone, or was changed'
      notes.push(`line ${number}: ${writer} went on from a line that is not among these`)
    } else {
      notes.push(`line ${number}: ${writer} begins: see that a process started then`)
    }
    return undefined
  }

  for await (const text of lines) {
    if (text.trim() === '') continue
    number += 1
    const fault = judge(text)
    if (fault !== undefined) faults.push({ line: number, fault })
    last = digestOf(text)
    digests.add(last)
  }
  return { lines: number, writers: writers.size, faults, notes, last }
}

interface Link {
  readonly writer: string
  readonly line: number
  readonly previous?: string
}

function chainIn(text: string): Link | 'broken' | undefined {
  try {
    const { audit, chain } = JSON.parse(text) as { readonly audit?: unknown; readonly chain?: Partial<Link> }
    if (audit === undefined) return 'broken'
    if (!chain) return undefined
    return typeof chain.writer === 'string' && typeof chain.line === 'number' ? (chain as Link) : 'broken'
  } catch {
    return 'broken'
  }
}
