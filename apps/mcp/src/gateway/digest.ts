// One digest for equal things, whatever order their members were written in.
import { createHash } from 'node:crypto'

/** SHA-256 of a JSON value, as base64url. */
export function digest(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('base64url')
}

/** Objects are marked, so that none is taken for a list of its members. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return { entries: entries.map(([name, member]) => [name, sorted(member)]) }
}
