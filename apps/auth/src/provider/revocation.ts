// RFC 7009 for our own access tokens, which are JWTs: the engine authenticates the client and then refuses to revoke them.
// Clients that sign out revoke what they have, and some stop at the first error. So it ends what the token was issued under,
// the refresh token with it (RFC 7009 §2.1). The JWT itself works until it expires, where nobody asks: introspection.ts.
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { OwnAccessToken } from '../keys/own-token.ts'

export interface RevocationOptions {
  /** The claims of a token of ours that has not expired. */
  readonly readToken: (token: string) => Promise<OwnAccessToken | undefined>
  readonly endGrant: (grantId: string) => Promise<void>
}

type Client = NonNullable<KoaContextWithOIDC['oidc']['client']>

/**
 * Whether a client may revoke a token: its own alone. A public client learns nothing of others' (RFC 7009 §2.2); one that
 * proved who it is is told that it is wrong (§2.1).
 */
export function mayRevoke(client: Client, owner: string | undefined): boolean {
  if (owner === client.clientId) return true
  if (client.clientAuthMethod === 'none') return false
  throw new errors.InvalidRequest('client is not authorized to revoke the presented token')
}

/**
 * Turns the engine's refusal into an answer. For the route /revoke, after the engine has answered. A client's own token
 * stays refused: it has no grant that could end, and to call it revoked would be untrue. Returns the token whose grant ended.
 */
export async function revokeAccessToken(
  ctx: KoaContextWithOIDC,
  { readToken, endGrant }: RevocationOptions,
): Promise<OwnAccessToken | undefined> {
  if ((ctx.body as { error?: string } | undefined)?.error !== 'unsupported_token_type') return undefined
  const token = await readToken(String(ctx.oidc.params?.token ?? ''))
  const own = token && mayRevoke(ctx.oidc.client as Client, token.client_id) ? token : undefined
  if (own) {
    if (own.grant_id === undefined) return undefined
    await endGrant(own.grant_id)
  }
  // §2.2: what is no token of this client is as good as revoked
  ctx.status = 200
  ctx.body = ''
  return own
}
