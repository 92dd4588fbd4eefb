// Tokens whose signature was verified a moment ago. A client sends one token with each request of its ten minutes; to verify
// it costs most of what a request costs the guard.
import { hash } from 'node:crypto'
import type { JWTPayload } from 'jose'

export interface VerifiedTokens {
  /** The claims of a token that was verified with the keys of this generation, frozen. What they say of times is not looked at. */
  find(token: string, generation: number | undefined): JWTPayload | undefined
  /** `claims`, which are frozen by it, are those that the token's signature vouches for. */
  remember(token: string, generation: number | undefined, claims: JWTPayload): void
}

/**
 * Keeps the `most` tokens that were verified last. Only a good token gets in, so its issuer bounds what each takes; a token
 * that has expired leaves when newer ones need its place, or when the keys change.
 *
 * Tokens are kept as SHA-256: a copy of the memory has the claims of those who call, and nothing to call with.
 */
export function createVerifiedTokens(most: number): VerifiedTokens {
  let kept = new Map<string, JWTPayload>()
  let keptWith: number | undefined

  const digest = (token: string) => hash('sha256', token, 'base64')

  return {
    find(token, generation) {
      if (generation === undefined || generation !== keptWith) return undefined
      return kept.get(digest(token))
    },
    remember(token, generation, claims) {
      deepFreeze(claims)
      if (generation === undefined || most === 0) return
      if (keptWith === undefined || generation > keptWith) {
        kept = new Map()
        keptWith = generation
      }
      if (generation !== keptWith) return // verified with keys that are no longer
      kept.set(digest(token), claims)
      const [oldest] = kept.keys()
      if (kept.size > most && oldest !== undefined) kept.delete(oldest)
    },
  }
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
}
