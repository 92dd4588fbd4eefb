// What zod says of a value, as faults with a place.
import type { z } from 'zod'
import { upstreamKinds } from './definition.ts'
import type { Fault, ParsedText } from './document.ts'
import { unknownMembers } from './strict.ts'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

export function faultsOf(issues: readonly Issue[], parsed: ParsedText): Fault[] {
  return faultsAt([], issues, parsed)
}

/** The same of a value that stands at `path`. */
export function faultsAt(path: Path, issues: readonly Issue[], parsed: ParsedText): Fault[] {
  return issues.flatMap((issue) => faultsOfIssue(issue, [...path, ...issue.path], parsed))
}

/** A fault at `path`: `endpoints[0].resource: must be …`. */
export function faultAt(parsed: ParsedText, path: Path, message: string, part: 'name' | 'value' = 'value'): Fault {
  return { ...parsed.placeOf(path, part), message: path.length > 0 ? `${show(path)}: ${message}` : message }
}

function faultsOfIssue(issue: Issue, path: Path, parsed: ParsedText): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return Object.entries(unknownMembers(issue.message)).map(([name, message]) =>
      faultAt(parsed, [...path, name], message, 'name'),
    )
  }
  if (issue.code === 'invalid_key') {
    return [faultAt(parsed, path, issue.issues[0]?.message ?? issue.message, 'name')]
  }
  if (issue.code === 'invalid_union' && path.length === 2 && path[0] === 'upstreams') {
    return faultsOfUpstream(path, parsed)
  }
  const message =
    issue.code === 'invalid_type' && issue.message.startsWith('Invalid input') ? kind(issue.expected) : issue.message
  const isMissing = issue.code !== 'custom' && valueAt(parsed.value, path) === undefined
  return [faultAt(parsed, path, isMissing ? `is missing: it ${message}` : message)]
}

function kind(expected: string): string {
  const words: Readonly<Record<string, string>> = {
    array: 'a list',
    record: 'settings by name',
    object: 'settings by name',
  }
  return `must be ${words[expected] ?? `a ${expected}`}`
}

/** Of the kind that was meant. */
function faultsOfUpstream(path: Path, parsed: ParsedText): Fault[] {
  const value = valueAt(parsed.value, path)
  const has = (name: string) => typeof value === 'object' && value !== null && name in value
  if (has('url') && has('command'))
    return [faultAt(parsed, [...path, 'command'], 'has a url and a command: take one away', 'name')]
  if (!has('url') && !has('command'))
    return [faultAt(parsed, path, 'needs a url (a server at an address) or a command (one that speaks stdio)', 'name')]
  const result = (has('command') ? upstreamKinds.stdio : upstreamKinds.remote).safeParse(value)
  return faultsAt(path, result.error?.issues ?? [], parsed)
}

function valueAt(value: unknown, path: Path): unknown {
  let at: unknown = value
  for (const step of path) at = (at as Record<PropertyKey, unknown> | null | undefined)?.[step]
  return at
}

export function show(path: Path): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index ? '.' : ''}${String(step)}`))
    .join('')
}
