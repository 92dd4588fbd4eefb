// The keys that tokens are signed with, kept sealed in the store, the same for every replica. Access tokens are ES256 alone
// (RFC 9068, and one fixed algorithm leaves nothing to confuse); ID tokens are RS256, which every OpenID library takes, or
// ES256 for a client that asks for it. When each key is published, signs and retires is in key-ring.ts; how replicas agree,
// in reconcile.ts; what an operator may do, in operator.ts.
import { randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'

/** In the order in which keys are published. */
export const signingAlgorithms = ['ES256', 'RS256'] as const
export type SigningAlgorithm = (typeof signingAlgorithms)[number]

/** A private JWK (RFC 7517). `iat` is when it was made, in seconds since the epoch. */
export type SigningKey = JWK & {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
  readonly iat: number
}

/** An RSA key takes a tenth of a second of another thread, and sometimes half a one. */
export async function createSigningKey(alg: SigningAlgorithm, now: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(privateKey satisfies CryptoKey)
  return { ...jwk, kid: randomUUID(), use: 'sig', alg, iat: Math.floor(now / 1000) }
}

/** They say which algorithms there are, to an engine that is asked for no more than that. Nothing can be signed with them. */
export const nominalKeys: readonly SigningKey[] = signingAlgorithms.map((alg) => {
  const names = ['x', 'y', 'd', 'n', 'e', 'p', 'q', 'dp', 'dq', 'qi']
  const members = Object.fromEntries(names.map((name) => [name, 'none']))
  return {
    ...members,
    kty: alg === 'ES256' ? 'EC' : 'RSA',
    crv: 'P-256',
    alg,
    kid: `nominal-${alg}`,
    use: 'sig',
    iat: 0,
  }
})

/** Whether two key sets hold the same keys in the same order. */
export function sameKeys(a: readonly SigningKey[], b: readonly SigningKey[]): boolean {
  return a.length === b.length && a.every(({ kid }, index) => kid === b[index]?.kid)
}
