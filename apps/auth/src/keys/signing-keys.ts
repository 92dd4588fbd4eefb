// The keys that access tokens and ID tokens are signed with: ES256 alone, kept sealed in the store, the same for every
// replica. When each is published, signs and retires is in key-ring.ts; how replicas agree, in reconcile.ts; what an operator
// may do, in operator.ts.
import { randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'

/** A private JWK (RFC 7517). `iat` is when it was made, in seconds since the epoch. */
export type SigningKey = JWK & {
  readonly kid: string
  readonly alg: 'ES256'
  readonly use: 'sig'
  readonly iat: number
}

export async function createSigningKey(now: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey satisfies CryptoKey)
  return { ...jwk, kid: randomUUID(), use: 'sig', alg: 'ES256', iat: Math.floor(now / 1000) }
}

/** Whether two key sets hold the same keys in the same order. */
export function sameKeys(a: readonly SigningKey[], b: readonly SigningKey[]): boolean {
  return a.length === b.length && a.every(({ kid }, index) => kid === b[index]?.kid)
}
