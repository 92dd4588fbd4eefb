// What the engine does that an operator wants to read afterwards, as events of the audit: its own events, in our words. No
// code and no token is in one: the id of a stored token is the token itself, so only that of a JWT is told.
import { createHash } from 'node:crypto'
import { activeSpan } from '@gatehouse/service'
import { type AuditEvent, parseScope } from '@gatehouse/shared'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { repeatedBy } from './grants/reuse-grace.ts'
import { deviceTrace } from './people/facts.ts'

export type WriteEvent = (event: AuditEvent) => void

/** A device that waits polls, and one that was refused was told before: these are no news. */
const noNews = new Set(['authorization_pending', 'slow_down', 'access_denied', 'expired_token'])

const mostScopes = 50
const longestScope = 100

/** Reports from now on. */
export function reportSecurityEvents(provider: Provider, write: WriteEvent): void {
  const on = <Args extends unknown[]>(event: string, run: (ctx: KoaContextWithOIDC, ...args: Args) => void) =>
    (provider as unknown as NodeJS.EventEmitter).on(event, run as (...args: unknown[]) => void)

  on('grant.success', (ctx) => {
    const { DeviceCode } = ctx.oidc.entities
    activeSpan()?.link(deviceTrace(DeviceCode?.deviceInfo))
    write(tokensIssued(ctx))
  })
  on('grant.error', (ctx, { error }: { error?: string }) => {
    const presented = presentedIn(ctx)
    if (!presented || noNews.has(error ?? '')) return
    write({
      event: 'tokens_refused',
      outcome: 'refused',
      decision: 'deny',
      reason: error ?? 'server_error',
      ...requestFacts(ctx),
      ...clientFacts(ctx),
      ...grantType(ctx),
      ...(presented.grantId && { grant: presented.grantId }),
      ...(presented.accountId && { subject: presented.accountId }),
    })
  })
  on('grant.revoked', (ctx, grantId: string) => {
    const subject = presentedIn(ctx)?.accountId
    write({
      event: 'grant_ended',
      outcome: 'ok',
      reason: ctx.oidc.route === 'revocation' ? 'revoked' : 'reused',
      ...requestFacts(ctx),
      ...clientFacts(ctx),
      grant: grantId,
      ...(subject && { subject }),
    })
  })
  on('device_authorization.success', (ctx) => {
    const { resource, scope } = ctx.oidc.params ?? {}
    const code = (ctx.oidc.entities.DeviceCode as { jti?: string } | undefined)?.jti
    write({
      event: 'device_code_asked',
      outcome: 'ok',
      ...requestFacts(ctx),
      ...(code && { flow: flowOf(code) }),
      ...clientFacts(ctx),
      ...(typeof resource === 'string' && { endpoint: resource }),
      ...(typeof scope === 'string' && { scopes: scopesIn(scope) }),
    })
  })
  on('interaction.started', (ctx) => {
    const { deviceCode, route } = ctx.oidc as typeof ctx.oidc & { readonly deviceCode?: { readonly jti: string } }
    if (route !== 'code_verification' || !deviceCode) return
    const subject = ctx.oidc.session?.accountId
    write({
      event: 'device_code_entered',
      outcome: 'ok',
      ...requestFacts(ctx),
      flow: flowOf(deviceCode.jti),
      ...clientFacts(ctx),
      ...(subject && { subject }),
    })
  })
  on('registration_create.success', (ctx) =>
    write({ event: 'client_registered', outcome: 'ok', ...requestFacts(ctx), ...clientFacts(ctx) }),
  )
}

/** What is read here was made here: nothing is verified. */
function tokensIssued(ctx: KoaContextWithOIDC): AuditEvent {
  const { access_token: accessToken, scope } = (ctx.body ?? {}) as { access_token?: unknown; scope?: unknown }
  const claims = claimsOf(accessToken)
  const { entities } = ctx.oidc
  const grant = claims?.grant_id ?? entities.Grant?.jti
  const subject = claims?.sub ?? entities.Account?.accountId
  const repeated = repeatedBy(ctx)
  return {
    event: repeated ? 'tokens_replayed' : 'tokens_issued',
    outcome: 'ok',
    decision: 'allow',
    ...(repeated?.elsewhere && { reason: 'elsewhere' }),
    ...requestFacts(ctx),
    ...(grant && { grant }),
    ...(claims?.jti && { token: claims.jti }),
    ...(subject && { subject }),
    ...clientFacts(ctx),
    ...grantType(ctx),
    ...(claims?.aud && { endpoint: claims.aud }),
    scopes: scopesIn(typeof scope === 'string' ? scope : ''),
  }
}

/** A client may ask for anything. */
function scopesIn(scope: string): string[] {
  return [...parseScope(scope)].slice(0, mostScopes).map((name) => name.slice(0, longestScope))
}

/** Undefined for what is no JWT. */
function claimsOf(token: unknown): { grant_id?: string; jti?: string; sub?: string; aud?: string } | undefined {
  const [, payload, signature] = typeof token === 'string' ? token.split('.') : []
  if (payload === undefined || signature === undefined) return undefined
  return JSON.parse(Buffer.from(payload, 'base64url').toString())
}

interface Presented {
  readonly grantId?: string
  readonly accountId?: string
}

/** What the request brought that exists: without one anybody could make lines. */
function presentedIn({ oidc: { entities } }: KoaContextWithOIDC): Presented | undefined {
  const { RefreshToken, DeviceCode, AuthorizationCode, AccessToken } = entities
  return (RefreshToken ?? DeviceCode ?? AuthorizationCode ?? AccessToken) as Presented | undefined
}

/** Which request, and where it is from: mount.ts wrote both headers. */
export function requestFacts(ctx: Pick<KoaContextWithOIDC, 'get' | 'ip'>): Pick<AuditEvent, 'request' | 'address'> {
  const request = ctx.get('x-request-id')
  return { ...(request && { request }), address: ctx.ip }
}

function clientFacts({ oidc: { client } }: KoaContextWithOIDC): Pick<AuditEvent, 'client' | 'clientName'> {
  if (!client) return {}
  return { client: client.clientId, ...(client.clientName && { clientName: client.clientName }) }
}

function grantType({ oidc }: KoaContextWithOIDC): Pick<AuditEvent, 'grantType'> {
  const name = oidc.params?.grant_type
  return typeof name === 'string' ? { grantType: name } : {}
}

/** What the steps of one request have in common. The engine's id of it is as good as a cookie, or a device's code. */
export function flowOf(id: string): string {
  return createHash('sha256').update(`flow:${id}`).digest('base64url').slice(0, 22)
}
