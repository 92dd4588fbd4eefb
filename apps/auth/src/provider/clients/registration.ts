// Under which id a client registers itself (RFC 7591). Public clients that send the same metadata
// are the same client: an app that registers at every start, or on thousands of laptops, stays one record. A client with
// a secret is always a new one, so that nobody gets at its secret by sending the same words.
import { createHmac, randomBytes } from 'node:crypto'

/** The id of a client that registers itself with this metadata. `key` makes ids that nobody can work out beforehand. */
export function registeredClientId(key: Buffer, metadata: unknown): string {
  const isPublic =
    (metadata as { token_endpoint_auth_method?: unknown } | undefined)?.token_endpoint_auth_method === 'none'
  if (!isPublic) return randomBytes(24).toString('base64url')
  return createHmac('sha256', key).update(canonical(metadata)).digest().subarray(0, 24).toString('base64url')
}

const repetitions = new WeakSet<object>()

/** Marks a request that registered a client which we knew. It made no record, and counts for nothing. */
export function noteRepetition(request: object): void {
  repetitions.add(request)
}

export function isRepetition(request: object): boolean {
  return repetitions.has(request)
}

/** JSON with members in order, so that equal metadata is equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
