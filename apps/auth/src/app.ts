// The authorization server, wired: this is the one place where its parts meet. Reading from top to bottom shows every
// route and what stands in front of it.
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify'
import formbody from '@fastify/formbody'
import { mcpScopes } from '@gatehouse/shared'
import type { Config } from './config.ts'
import { GatehouseError, InteractionGoneError, StoreUnavailableError } from './errors.ts'
import { registerHealth } from './health.ts'
import { developerLogin } from './identity/developer.ts'
import { createGitHubLogin, identify } from './identity/github.ts'
import { createGitHubDeviceLogin } from './identity/github-device.ts'
import { createGitHubApi } from './identity/github-api.ts'
import { refuseDeveloperLogin } from './identity/reach.ts'
import { registerInteractions } from './interactions/interactions.ts'
import { createLoginMemories } from './interactions/upstream-login.ts'
import { loadSigningKeys } from './keys/signing-keys.ts'
import { errorPage, expiredPage, homePage, stylesheet } from './pages/index.ts'
import { pageHeaders } from './pages/headers.ts'
import { createAccounts } from './provider/accounts.ts'
import { createAdapterFactory } from './provider/adapter.ts'
import { createDeviceEntry } from './provider/device-entry.ts'
import { createDeviceRelay } from './provider/device-relay.ts'
import { createDevicePages } from './provider/device-pages.ts'
import { renderError } from './provider/error-page.ts'
import { createInteractionGate } from './provider/interaction-gate.ts'
import { mountProvider } from './provider/mount.ts'
import { createProvider, validateClient } from './provider/provider.ts'
import { createResourcePolicy } from './provider/resources.ts'
import { openStaticClients, type StaticClients } from './provider/static-clients.ts'
import type { Sealing } from './store/sealing.ts'
import type { Clock, Store } from './store/contract.ts'
import { createXsrf } from './xsrf.ts'

export interface AppDependencies {
  readonly config: Config
  readonly store: Store
  readonly sealing: Sealing
  readonly clock?: Clock
  readonly logger?: FastifyBaseLogger
}

export async function createApp({ config, store, sealing, clock = Date.now, logger }: AppDependencies): Promise<FastifyInstance> {
  const app = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    forceCloseConnections: 'idle',
    requestTimeout: 30_000,
    genReqId: () => crypto.randomUUID(),
    routerOptions: { maxParamLength: 128 },
  })

  const github = config.github && createGitHubApi(config.github)
  const accounts = createAccounts({
    documents: store.documents,
    rules: config.admission,
    clock,
    refresh: github && ((token) => identify(github, token, config.admission, clock())),
  })
  const resources = createResourcePolicy(config.resources)
  const xsrf = createXsrf(sealing.deriveAll('xsrf'))
  const deviceEntry = createDeviceEntry(() => provider, { xsrf, attempts: store.attempts })
  let staticClients: StaticClients | undefined
  const relay =
    github &&
    config.github &&
    createDeviceRelay({
      github: createGitHubDeviceLogin({ api: github, clientId: config.github.clientId, rules: config.admission, now: clock }),
      store,
      accounts,
      resources,
      clock,
      provider: () => provider,
      log: ({ failure, message }) => app.log.warn({ failure, reason: message }, 'the relay of GitHub\'s device flow failed'),
    })
  const provider = createProvider(
    {
      config,
      accounts,
      resources,
      adapter: createAdapterFactory({
        store,
        clock,
        deviceInterval: config.lifetimes.deviceInterval,
        relay,
        findStaticClient: (clientId) => staticClients?.find(clientId),
      }),
      signingKeys: await loadSigningKeys(store.documents),
      cookieKeys: sealing.deriveAll('cookies'),
      devicePages: createDevicePages(xsrf, deviceEntry.formFor),
      renderError,
      scopesSupported: [...new Set(config.resources.flatMap(({ scopes }) => scopes).concat(mcpScopes))],
    },
    {
      onDeviceAuthorization: async (ctx) => relay?.begin(ctx),
      onError: (error, route) => app.log.error({ err: error, route }, 'request failed'),
    },
  )
  staticClients = await openStaticClients({
    file: config.clientsFile,
    validate: (metadata) => validateClient(provider, metadata),
    onReload: (result) =>
      'fault' in result ? app.log.error(result, 'the client file is faulty; the clients stay as they were') : app.log.info(result, 'client file read again'),
  })
  app.addHook('onClose', async () => staticClients?.[Symbol.dispose]())

  guardHost(app, config.issuer)
  answerErrors(app)
  registerHealth(app, () => store.ping())
  app.get(stylesheet.path, (_request, reply) =>
    reply.headers({ 'content-type': 'text/css; charset=utf-8', 'cache-control': 'public, max-age=31536000, immutable', 'x-content-type-options': 'nosniff' }).send(stylesheet.css),
  )
  app.get('/', (_request, reply) =>
    reply.headers(pageHeaders()).send(
      homePage({
        issuer: config.issuer,
        resources: config.resources.map(({ name, resource }) => ({ name, url: resource })),
        loginHint: config.developerLogin === 'off' ? '' : 'The development login is on: it lets everybody in.',
      }),
    ),
  )

  await app.register((scope) => mountProvider(scope, { provider: () => provider, issuer: config.issuer, resources, deviceEntry }))
  await app.register(async (scope) => {
    await scope.register(formbody)
    registerInteractions(scope, {
      gate: createInteractionGate(() => provider, resources),
      logins: [
        ...(config.developerLogin === 'off' ? [] : [developerLogin]),
        ...(github && config.github?.clientSecret
          ? [createGitHubLogin({ ...config.github, clientSecret: config.github.clientSecret, api: github, rules: config.admission, now: clock })]
          : []),
      ],
      refuseForm: (request) =>
        refuseDeveloperLogin({
          peer: request.socket.remoteAddress,
          hasForwardingHeader: Object.keys(request.headers).some((name) => name === 'forwarded' || name.startsWith('x-forwarded-') || name === 'x-real-ip'),
          trustProxy: config.trustProxy,
          explicit: config.developerLogin === 'explicit',
        }),
      admit: (identity) => accounts.admit(identity),
      memories: createLoginMemories(store.records),
      issuer: config.issuer,
      labelOf: async (subject) => (await accounts.find(subject))?.label ?? subject,
      xsrf,
      clock,
    })
  })
  return app
}

/** Reached by internal names too: by probes, and by resource servers that fetch keys and metadata. */
const ANY_HOST = /^\/(livez|readyz|jwks|\.well-known\/)/

/**
 * Answers on the issuer's own name alone, before any cookie is read (DNS rebinding reaches a loopback port under
 * another name). A page goes on to the right name; everything else is told it. Never echoes the name that was used.
 */
function guardHost(app: FastifyInstance, issuer: string): void {
  const { host: expected, protocol } = new URL(issuer)
  app.addHook('onRequest', async (request, reply) => {
    if (ANY_HOST.test(request.url) || URL.parse(`${protocol}//${request.host}`)?.host === expected) return
    if (request.method === 'GET' && wantsPage(request)) return reply.redirect(new URL(request.url, issuer).href, 307)
    return reply.code(421).header('cache-control', 'no-store').send({ error: 'misdirected_request', error_description: `Use ${issuer}` })
  })
}

function answerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => {
    if (wantsPage(request)) return sendError(request, reply.code(404), 404, 'There is nothing at this address.')
    return reply.code(404).header('cache-control', 'no-store').send({ error: 'not_found', error_description: 'See /.well-known/oauth-authorization-server for what there is.' })
  })
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    const gone = error instanceof InteractionGoneError
    const status = gone ? 400 : error instanceof StoreUnavailableError ? 503 : error instanceof GatehouseError ? 500 : (error.statusCode ?? 500)
    if (status >= 500) request.log.error({ err: error }, 'request failed')
    if (status === 503) reply.header('retry-after', '1')
    if (wantsPage(request)) {
      if (gone) return reply.code(status).headers(pageHeaders()).send(expiredPage({ device: false }))
      return sendError(request, reply.code(status), status, status < 500 ? 'The request could not be read.' : 'Something went wrong on our side. Try again in a moment.')
    }
    const code = status === 503 ? 'temporarily_unavailable' : status >= 500 ? 'server_error' : 'invalid_request'
    return reply.code(status).header('cache-control', 'no-store').send({ error: code, error_description: status < 500 ? error.message : 'try again in a moment' })
  })
}

function sendError(request: FastifyRequest, reply: { headers(values: object): { send(body: string): unknown } }, status: number, message: string) {
  return reply.headers(pageHeaders()).send(errorPage({ status, message, requestId: request.id, next: { label: 'Start page', href: '/' } }))
}

function wantsPage(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('text/html') ?? false
}
