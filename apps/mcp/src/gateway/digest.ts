// One digest for equal things, whatever order their members were written in.
import { hash } from 'node:crypto'
import { createRecent } from './recent.ts'

/** SHA-256 of a JSON value, as base64url. */
export function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(sorted(value)), 'base64url')
}

/** Characters of a value that is kept. Callers say part of what is digested, at any length. */
const longest = 2_048

/** {@link digest} of what comes again and again. The last `most` values are kept in memory as they are, if they are short. */
export function createDigests(most: number, make = digest): typeof digest {
  /** By what is digested. Its members may come in another order for the same digest. */
  const known = createRecent<string>(most)
  return (value) => {
    const text = JSON.stringify(value)
    const made = known.get(text) ?? make(value)
    if (text.length <= longest) known.set(text, made)
    return made
  }
}

/** Objects are marked, so that none is taken for a list of its members. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return { entries: entries.map(([name, member]) => [name, sorted(member)]) }
}
