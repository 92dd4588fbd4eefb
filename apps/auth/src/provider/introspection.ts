// RFC 7662 for our own access tokens, which are JWTs: the engine authenticates the caller and then refuses to look into
// them. What it says of an access token here is more than the token says itself: whether the grant and the account behind
// it still stand. That is how a resource server that cannot wait for the token's end learns of a revocation.
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Accounts } from '../accounts/accounts.ts'
import type { OwnAccessToken } from '../keys/own-token.ts'
import { DocumentUnavailableError } from './clients/documents/document-unavailable.ts'
import { resourceServer } from './clients/own-metadata.ts'

export interface IntrospectionOptions {
  /** The claims of a token of ours that has not expired. */
  readonly readToken: (token: string) => Promise<OwnAccessToken | undefined>
  readonly accounts: Accounts
}

/** Turns the engine's refusal into an answer. For the route /introspect, after the engine has answered. */
export async function introspectAccessToken(
  ctx: KoaContextWithOIDC,
  { readToken, accounts }: IntrospectionOptions,
): Promise<void> {
  const { client, params } = ctx.oidc
  if (!client) return
  if (client.clientAuthMethod === 'none') {
    // RFC 7662 §2.1: a caller proves who it is, and a public client cannot
    ctx.status = 401
    ctx.body = { error: 'invalid_client', error_description: 'introspection needs a client with a secret' }
    return
  }
  if ((ctx.body as { error?: string } | undefined)?.error !== 'unsupported_token_type') return
  const token = await readToken(String(params?.token ?? ''))
  const standing = token && mayAsk(client, token) && (await standingOf(ctx, token, accounts))
  ctx.status = 200
  ctx.body = standing ? describe(token, standing) : { active: false }
}

/** The client that the token was issued to, and the one that an operator named as the resource's own. */
function mayAsk(client: NonNullable<KoaContextWithOIDC['oidc']['client']>, token: OwnAccessToken): boolean {
  return (
    token.client_id === client.clientId || (client as unknown as Record<string, unknown>)[resourceServer] === token.aud
  )
}

interface Standing {
  /** Those that the person is in now. */
  readonly groups: readonly string[]
}

/** Undefined if the token does not stand any more. */
async function standingOf(
  ctx: KoaContextWithOIDC,
  token: OwnAccessToken,
  accounts: Accounts,
): Promise<Standing | undefined> {
  const { provider } = ctx.oidc
  if (!(await findClient(provider, token.client_id))) return undefined
  // a client's own token has no grant and no account: it stands as long as the client does
  if (token.grant_id === undefined) return token.sub === token.client_id ? { groups: [] } : undefined
  const grant = await provider.Grant.find(token.grant_id)
  if (!grant || grant.isExpired || grant.accountId !== token.sub || grant.clientId !== token.client_id) return undefined
  const identity = await accounts.findAdmitted(token.sub)
  return identity && { groups: accounts.groupsOf(identity) }
}

/** Clients that are not admitted any more are errors to the engine; here they are just gone. */
async function findClient(provider: KoaContextWithOIDC['oidc']['provider'], clientId: string): Promise<unknown> {
  return provider.Client.find(clientId).catch((error: unknown) => {
    if (error instanceof errors.InvalidClient || error instanceof errors.InvalidClientMetadata) return undefined
    if (error instanceof DocumentUnavailableError && error.reason === 'not_admitted') return undefined
    throw error
  })
}

/** Of the groups that the token names, those that still hold: a token never opens more than when it was issued. */
function describe({ grant_id: _, groups, ...claims }: OwnAccessToken, standing: Standing): Record<string, unknown> {
  const held = groups?.filter((name) => standing.groups.includes(name)) ?? []
  return { active: true, token_type: 'Bearer', ...claims, ...(held.length > 0 && { groups: held }) }
}
