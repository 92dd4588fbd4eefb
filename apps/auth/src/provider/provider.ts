// One oidc-provider instance, and what its public events are used for: they are the only way in which its failures
// reach our log.
import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider'
import { type OwnAccessToken, readOwnToken } from '../keys/own-token.ts'
import { paths } from '../paths.ts'
import type { Clock } from '../store/contract.ts'
import { showUserCode } from '../user-codes.ts'
import { passingSeconds, wireErrors } from '../wire-errors.ts'
import { readAuthorization } from './clients/basic-credentials.ts'
import { noDeviceFlow } from './clients/clients.ts'
import { isOperatorRegistered, ownMetadata } from './clients/own-metadata.ts'
import { secretMatches } from './clients/secrets.ts'
import { maxAge } from './clients/unused-metadata.ts'
import { type EngineParts, engineConfiguration } from './configuration.ts'
import { inEngineWords } from './engine-errors.ts'
import { keepFromStrangers } from './error-redirects.ts'
import { deviceCode } from './grants/device-code.ts'
import { grants } from './grants/index.ts'
import { createEngineWith } from './grants/registration.ts'
import type { ReuseGrace } from './grants/reuse-grace.ts'
import { nameUnauthorizedClient } from './grants/unauthorized-client.ts'
import { introspectAccessToken } from './introspection.ts'
import { answerLogout } from './people/logout.ts'
import { answerOtherPerson } from './people/other-person.ts'
import { readAgain } from './request-body.ts'
import { revokeAccessToken } from './revocation.ts'
import { reportSecurityEvents, requestFacts, type WriteEvent } from './security-events.ts'

export interface ProviderEvents {
  /** The device authorization endpoint has answered. */
  readonly onDeviceAuthorization: (ctx: KoaContextWithOIDC) => Promise<void>
  /** A failure of ours. Carries no request data. */
  readonly onError: (error: Error, route: string | undefined) => void
  /** The token endpoint has answered: with tokens, or with an `error` of RFC 6749 §5.2. */
  readonly onTokenAnswer?: (grantType: string, error?: string) => void
  /** For the audit. */
  readonly onSecurityEvent?: WriteEvent
}

export function createProvider(
  parts: EngineParts & {
    readonly readsDocuments: boolean
    readonly reuseGrace: ReuseGrace
    readonly clock: Clock
    readonly endGrant: (grantId: string) => Promise<void>
  },
  events: ProviderEvents,
): Provider {
  const { reuseGrace, config } = parts
  const grantParts = { reuseGrace, policy: config.clientPolicy }
  const provider = createEngineWith(grants, grantParts, config.issuer, engineConfiguration(parts))
  // what it believes of forwarding headers was written by mount.ts
  provider.proxy = true
  const emitter = provider as unknown as NodeJS.EventEmitter
  emitter.on('error', (error: Error) => events.onError(error, undefined))
  emitter.on('server_error', (ctx: KoaContextWithOIDC, error: Error) => events.onError(error, ctx.oidc?.route))
  if (events.onSecurityEvent) reportSecurityEvents(provider, events.onSecurityEvent)
  for (const event of ['authorization.error', 'server_error']) emitter.on(event, keepFromStrangers)

  provider.Client.prototype.compareClientSecret = async function (this: { clientSecret?: string }, presented: string) {
    return secretMatches(this.clientSecret, presented)
  }

  // to the letter, loopback ports as well: nothing but the address is compared before people are sent there
  provider.Client.prototype.postLogoutRedirectUriAllowed = function (uri: string) {
    return this.postLogoutRedirectUris?.includes(uri) ?? false
  }

  const grantType = ({ oidc }: KoaContextWithOIDC) => {
    const name = oidc.params?.grant_type
    return grants.find((grant) => grant.name === name)?.name ?? 'other'
  }
  emitter.on('grant.success', (ctx: KoaContextWithOIDC) => events.onTokenAnswer?.(grantType(ctx)))
  emitter.on('grant.error', (ctx: KoaContextWithOIDC, { error }: { error?: string }) =>
    events.onTokenAnswer?.(grantType(ctx), error ?? 'server_error'),
  )
  emitter.on('device_authorization.success', (ctx: KoaContextWithOIDC, body: Record<string, unknown>) => {
    // the adapter may have made another user code than the one the engine began with
    const userCode = (ctx.oidc.entities.DeviceCode as { userCode?: string } | undefined)?.userCode ?? ''
    const shown = showUserCode(userCode)
    body.user_code = shown
    body.verification_uri_complete = `${body.verification_uri}?user_code=${shown}`
    body.interval = config.lifetimes.deviceInterval
  })
  emitter.on('grant.error', (ctx: KoaContextWithOIDC, error: Error) =>
    nameUnauthorizedClient(ctx, error, ctx.oidc.params?.grant_type),
  )
  emitter.on('device_authorization.error', (ctx: KoaContextWithOIDC, error: Error) =>
    nameUnauthorizedClient(ctx, error, deviceCode.name),
  )
  const { unverified } = config.clientPolicy
  emitter.on('device_authorization.error', ({ body, oidc }: KoaContextWithOIDC) => {
    if (unverified === 'browser' && oidc.client && !isOperatorRegistered(oidc.client))
      Object.assign(body as object, { error_description: noDeviceFlow })
  })
  emitter.on('registration_create.success', (ctx: { body: Record<string, unknown> }) => {
    // RFC 7591 §3.2.1: the answer tells all that was registered
    if (ctx.body[maxAge] !== undefined) ctx.body.default_max_age = ctx.body[maxAge]
    for (const ours of ownMetadata) delete ctx.body[ours]
  })

  const readToken = (token: string) =>
    readOwnToken(token, { keys: parts.signingKeys, issuer: config.issuer, now: parts.clock() })
  provider.use((ctx, next) => readAuthorization(ctx as KoaContextWithOIDC, next))
  provider.use(({ req }, next) => {
    readAgain(req)
    return next()
  })
  provider.use(async (ctx, next) => {
    const finish = async () => {
      await answerOtherPerson(ctx as KoaContextWithOIDC)
      answerLogout(ctx as KoaContextWithOIDC)
      if (ctx.path === paths.deviceAuthorization && ctx.status === 200) await events.onDeviceAuthorization(ctx as never)
      if (ctx.path === paths.introspect)
        await introspectAccessToken(ctx as never, { readToken, accounts: parts.accounts })
      if (ctx.path === paths.revoke) {
        const ended = await revokeAccessToken(ctx as never, { readToken, endGrant: parts.endGrant })
        if (ended) tellOfRevocation(ctx as KoaContextWithOIDC, ended)
      }
    }
    await next()
      .then(finish)
      .catch((error: Error) => answerThrown(ctx as KoaContextWithOIDC, error))
    if (ctx.status === 503) {
      ctx.set('retry-after', String(passingSeconds))
      if (ctx.response.get('access-control-allow-origin')) ctx.append('access-control-expose-headers', 'Retry-After')
    }
    if (ctx.status >= 300 && ctx.status < 400) ctx.set('referrer-policy', 'no-referrer')
    // the engine says so at some of its endpoints
    if (ctx.status >= 400) ctx.set('cache-control', 'no-store')
    if (ctx.path.startsWith('/.well-known/') && ctx.status === 200)
      extendDiscovery(ctx.body as Record<string, unknown>, parts)
  })
  return provider

  function tellOfRevocation(ctx: KoaContextWithOIDC, { grant_id: grant, jti, sub, client_id: client }: OwnAccessToken) {
    events.onSecurityEvent?.({
      event: 'grant_ended',
      outcome: 'ok',
      reason: 'revoked',
      ...requestFacts(ctx),
      ...(grant && { grant }),
      token: jti,
      subject: sub,
      client,
    })
  }

  /** What comes past the engine's own handling, such as a session that cannot be saved: koa would answer a bare word. */
  async function answerThrown(ctx: KoaContextWithOIDC, thrown: Error): Promise<void> {
    const error = inEngineWords(thrown) as Error
    const told = error instanceof errors.OIDCProviderError
    if (!told) events.onError(error, ctx.oidc?.route)
    for (const name of ctx.res.getHeaderNames()) ctx.remove(name)
    ctx.status = told ? error.statusCode : wireErrors.ours.status
    ctx.set('cache-control', 'no-store')
    const out = told
      ? { error: error.error, error_description: error.error_description ?? '' }
      : { error: wireErrors.ours.error, error_description: wireErrors.ours.description }
    if (ctx.accepts('json', 'html') === 'html') await parts.renderError(ctx, out, error)
    else ctx.body = out
  }
}

function extendDiscovery(
  body: Record<string, unknown>,
  parts: Pick<EngineParts, 'resources'> & {
    readonly readsDocuments: boolean
  },
): void {
  if (parts.readsDocuments) body.client_id_metadata_document_supported = true
  const scopes = parts.resources.all.flatMap((resource) => resource.scopes)
  body.scopes_supported = [...new Set([...(body.scopes_supported as string[]), ...scopes])]
  body.protected_resources = parts.resources.identifiers // RFC 9728 §4
  body.response_modes_supported = ['query']
}
