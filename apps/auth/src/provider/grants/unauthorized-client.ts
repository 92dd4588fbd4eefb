import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { grants } from './index.ts'

/**
 * For the engine's events of failures: RFC 6749 §5.2 has a code of its own for what the engine calls an invalid request, a
 * client that is not registered for the grant. That it is not is looked up, and that nothing failed before.
 */
export function nameUnauthorizedClient(ctx: KoaContextWithOIDC, error: Error, grantType: unknown): void {
  const { client } = ctx.oidc
  const grant = grants.find(({ name }) => name === grantType)
  if (!(error instanceof errors.InvalidRequest) || !client || !grant || client.grantTypeAllowed(grant.name)) return
  if (isForeignPage(ctx) || cameTwice(ctx)) return
  if (typeof ctx.body === 'object') Object.assign(ctx.body as object, { error: 'unauthorized_client' })
}

/** The engine takes back that the page may read the answer. */
function isForeignPage(ctx: KoaContextWithOIDC): boolean {
  return ctx.get('origin') !== '' && !ctx.response.get('access-control-allow-origin')
}

/** The engine drops a parameter that it refuses for coming twice. */
function cameTwice({ oidc: { params, body } }: KoaContextWithOIDC): boolean {
  return Object.entries(params ?? {}).some(([name, value]) => value === undefined && Array.isArray(body?.[name]))
}
