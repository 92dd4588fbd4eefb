// RFC 6749 §2.3.1 as clients use it: the header of a public client, too, whose password is then empty, and what is answered
// where a header proves nothing. The engine has neither: to it both are malformed requests.
import type { KoaContextWithOIDC } from 'oidc-provider'
import { paths } from '../../paths.ts'

type Form = Readonly<Record<string, unknown>>

/** Where a client says who it is. Elsewhere the header is a person's, or means nothing. */
const endpoints: ReadonlySet<string> = new Set([paths.token, paths.revoke, paths.introspect, paths.deviceAuthorization])

export interface BasicCredentials {
  readonly clientId: string
  /** Empty for a client that has none. */
  readonly secret: string
}

/** Undefined for what cannot be read as the Basic scheme. */
export function readBasic(header: string | undefined): BasicCredentials | undefined {
  const encoded = /^basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1]
  if (!encoded) return undefined
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon < 1) return undefined
  try {
    return { clientId: formDecoded(pair.slice(0, colon)), secret: formDecoded(pair.slice(colon + 1)) }
  } catch {
    return undefined
  }
}

/** One client is one, however its id is escaped. */
function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

/**
 * For the engine's `use`, around everything. A header with an empty password says which client asks, and no more. Anyone who
 * sent a header that did not prove who it is gets 401 and is told the scheme (§5.2), whatever was wrong with it; only two
 * clients or two proofs in one request are a malformed request.
 */
export async function readAuthorization(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  const { authorization } = ctx.headers
  if (authorization === undefined || !endpoints.has(ctx.path)) return next()
  const form = (ctx.req.body ?? {}) as Form
  const basic = readBasic(authorization)
  const isOnly =
    form.client_secret === undefined && (!basic || [undefined, basic.clientId].includes(form.client_id as never))
  if (isOnly && basic?.secret === '') {
    delete ctx.req.headers.authorization
    ctx.req.body = { ...form, client_id: basic.clientId }
  }
  await next()
  // once the client is known, what is wrong is something else
  const isUnproven = isOnly && ctx.oidc?.body !== undefined && !ctx.oidc.client
  if (isUnproven && (ctx.body as { error?: string } | undefined)?.error === 'invalid_request') {
    ctx.status = 401
    ctx.body = { error: 'invalid_client', error_description: 'client authentication failed' }
  }
  if (ctx.status === 401 && !ctx.response.get('www-authenticate'))
    ctx.set('www-authenticate', `Basic realm="${ctx.oidc.issuer}", error="invalid_client"`)
}
