// RFC 7009 for our own access tokens, which are JWTs: the engine authenticates the client and then refuses to revoke them.
// Clients that sign out revoke what they have, and some stop at the first error. So it ends what the token was issued under,
// the refresh token with it (RFC 7009 §2.1). The JWT itself works until it expires, where nobody asks: introspection.ts.
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { OwnAccessToken } from '../keys/own-token.ts'

export interface RevocationOptions {
  /** The claims of a token of ours that has not expired. */
  readonly readToken: (token: string) => Promise<OwnAccessToken | undefined>
  readonly endGrant: (grantId: string) => Promise<void>
}

/**
 * Turns the engine's refusal into an answer. For the route /revoke, after the engine has answered. A client's own token
 * stays refused: it has no grant that could end, and to call it revoked would be untrue.
 */
export async function revokeAccessToken(
  ctx: KoaContextWithOIDC,
  { readToken, endGrant }: RevocationOptions,
): Promise<void> {
  if ((ctx.body as { error?: string } | undefined)?.error !== 'unsupported_token_type') return
  const token = await readToken(String(ctx.oidc.params?.token ?? ''))
  if (token && token.client_id === ctx.oidc.client?.clientId) {
    if (token.grant_id === undefined) return
    await endGrant(token.grant_id)
  }
  // §2.2: what is no token of this client is as good as revoked
  ctx.status = 200
  ctx.body = ''
}
