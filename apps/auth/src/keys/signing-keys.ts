// The keys that access tokens and ID tokens are signed with: ES256 alone. Made on first start, kept sealed in the store,
// the same for every replica. The oldest one signs: it is the one that every resource server has seen.
import { randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'
import type { DocumentStore } from '../store/contract.ts'

/** A private JWK (RFC 7517). `iat` is when it was made, in seconds since the epoch. */
export type SigningKey = JWK & {
  readonly kid: string
  readonly alg: 'ES256'
  readonly use: 'sig'
  readonly iat: number
}

const DOCUMENT = 'signing-keys'

export async function createSigningKey(now: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey satisfies CryptoKey)
  return { ...jwk, kid: randomUUID(), use: 'sig', alg: 'ES256', iat: Math.floor(now / 1000) }
}

/**
 * Brings the keys that this process holds and those in the store together, and returns what both hold then. With none
 * held it loads them, or makes the first one. A store that lost its data gets back what is held, so that tokens stay good;
 * a replica that made a key of its own meanwhile is joined by it rather than overruled. `onWritten` is told if this
 * call put keys into a store that had none.
 */
export async function reconcileSigningKeys(
  documents: DocumentStore,
  held: readonly SigningKey[],
  now: number,
  onWritten: (what: 'made' | 'written_back') => void = () => undefined,
): Promise<readonly SigningKey[]> {
  const stored = await documents.get(DOCUMENT)
  const mine = held.length > 0 || stored ? held : [await createSigningKey(now)]
  const { keys } = (stored ?? (await documents.putIfAbsent(DOCUMENT, { keys: mine }))) as { keys: SigningKey[] }
  if (!stored && sameKeys(keys, mine)) onWritten(held.length > 0 ? 'written_back' : 'made')
  const joined = join(keys, held)
  if (joined.length > keys.length) await documents.put(DOCUMENT, { keys: joined })
  return joined
}

/** Whether two key sets hold the same keys in the same order. */
export function sameKeys(a: readonly SigningKey[], b: readonly SigningKey[]): boolean {
  return a.length === b.length && a.every(({ kid }, index) => kid === b[index]?.kid)
}

function join(stored: readonly SigningKey[], held: readonly SigningKey[]): readonly SigningKey[] {
  const all = new Map([...stored, ...held].map((key) => [key.kid, key]))
  return [...all.values()].sort((a, b) => a.iat - b.iat || a.kid.localeCompare(b.kid))
}
