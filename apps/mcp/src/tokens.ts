// What a token of ours has to be beyond what the guard asks of anybody's.
import { type Caller, createTokenVerifier, InvalidTokenError, type TokenVerifierOptions } from '@gatehouse/guard'
import { isSubject } from '@gatehouse/shared'

/**
 * A client that acts for itself has its client_id as subject (RFC 9068 §2.2). If that reads like a person's, anyone who keeps
 * anything by subject would take one for the other: such a token is refused, whatever the issuer thought.
 */
export function createOurVerifier(options: TokenVerifierOptions): (token: string) => Promise<Caller> {
  const verify = createTokenVerifier(options)
  return async function verifyAccessToken(token) {
    const caller = await verify(token)
    if (caller.subject === caller.clientId && isSubject(caller.subject)) throw new InvalidTokenError('claims')
    return caller
  }
}
