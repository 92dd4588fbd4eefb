import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { grants } from './index.ts'

/**
 * For the engine's events of failures: RFC 6749 §5.2 has a code of its own for what the engine calls an invalid request, a
 * client that is not registered for the grant. That the client is not is looked up: once it is known, and its page may ask,
 * nothing else that is wrong comes before.
 */
export function nameUnauthorizedClient(ctx: KoaContextWithOIDC, error: Error, grantType: unknown): void {
  const { client } = ctx.oidc
  const grant = grants.find(({ name }) => name === grantType)
  if (!(error instanceof errors.InvalidRequest) || !client || !grant || client.grantTypeAllowed(grant.name)) return
  const isForeignPage = ctx.get('origin') !== '' && ctx.response.get('access-control-allow-origin') === ''
  if (!isForeignPage && typeof ctx.body === 'object')
    Object.assign(ctx.body as object, { error: 'unauthorized_client' })
}
