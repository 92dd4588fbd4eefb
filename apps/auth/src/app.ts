// The authorization server, wired: this is the one place where its parts meet. Reading createApp from top to bottom shows
// every route and what stands in front of it.
import { boundConnections, connectionLimits, type Metrics, readForwarding, requestReading } from '@gatehouse/service'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Config } from './config.ts'
import { createCounters } from './counters.ts'
import { type HealthOptions, registerHealth } from './health.ts'
import { guardHost } from './hosts.ts'
import { answerErrors, answerUnreadable } from './http-errors.ts'
import type { Origin } from './identity/identity.ts'
import { interactions } from './interactions/interactions.ts'
import { createLoginMemories } from './interactions/upstream-login.ts'
import { boundBodies } from './limits/bodies-under-way.ts'
import { refuseParts } from './limits/browser-requests.ts'
import { createRequestLimits } from './limits/request-limits.ts'
import { createLogins, describeLogin } from './logins/index.ts'
import { letsEverybodyIn } from './logins/login.ts'
import { pageHeaders } from './pages/headers.ts'
import { homePage, stylesheet } from './pages/index.ts'
import { createAccounts } from './provider/accounts.ts'
import { createAdapterFactory } from './provider/adapter.ts'
import { canBeRead } from './provider/clients/documents/admitted-hosts.ts'
import { createClientDocuments } from './provider/clients/documents/client-documents.ts'
import { fetchDocument } from './provider/clients/documents/safe-fetch.ts'
import { openStaticClients, type StaticClients } from './provider/clients/static-clients.ts'
import { createDeviceEntry } from './provider/device/entry.ts'
import { createDevicePages } from './provider/device/pages.ts'
import { createDeviceRelay } from './provider/device/relay.ts'
import { createEngine, type Engine, type KeysChange } from './provider/engine.ts'
import { renderError } from './provider/error-page.ts'
import { endGrant } from './provider/grants/end-grant.ts'
import { createReuseGrace } from './provider/grants/reuse-grace.ts'
import { mountProvider } from './provider/mount.ts'
import { createGrantBook } from './provider/people/connected-apps.ts'
import { createDecisions } from './provider/people/decisions.ts'
import { createInteractionGate } from './provider/people/interaction-gate.ts'
import { createOwnPages } from './provider/people/own-page.ts'
import { createProvider } from './provider/provider.ts'
import { createResourcePolicy } from './provider/resources.ts'
import type { Clock, Store } from './store/contract.ts'
import type { Sealing } from './store/sealing.ts'
import { createXsrf } from './xsrf.ts'

/** Bytes of a form or of a registration. */
const BODY_LIMIT = 56 * 1024
/** Milliseconds for the requests that are under way when the app closes. */
const ANSWER_LIMIT = 5_000

export interface AppDependencies {
  readonly config: Config
  readonly store: Store
  readonly sealing: Sealing
  readonly clock?: Clock
  readonly logger?: FastifyBaseLogger
  readonly metrics?: Metrics | undefined
  /** By default none. */
  readonly drain?: HealthOptions['drain']
}

/** Throws {@link ConfigError} if the client file is faulty. A store that does not answer yet is no fault: see engine.ts. */
export async function createApp({
  config,
  store,
  sealing,
  clock = Date.now,
  logger,
  metrics,
  drain = 0,
}: AppDependencies): Promise<FastifyInstance> {
  const app = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    ...requestReading(config.trustProxy),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    ...connectionLimits,
    genReqId: () => crypto.randomUUID(),
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: 128 },
    frameworkErrors: answerUnreadable,
  })

  metrics?.measureRequests(app)
  const counters = createCounters(metrics)
  const { admission: rules, trustProxy } = config
  const logins = createLogins(config.logins, { rules, now: clock, trustProxy })
  const accounts = createAccounts({
    documents: store.documents,
    rules,
    logins,
    clock,
    onRefused: ({ subject, facts, doubt }) =>
      app.log.info(
        { subject, hasAddress: facts?.email !== undefined, doubt },
        'the rules keep somebody out who signed in',
      ),
  })
  const isAdmitted = async (subject: string) => (await accounts.findAdmitted(subject)) !== undefined
  const resources = createResourcePolicy(config.resources)
  const xsrf = createXsrf(sealing.deriveAll('xsrf'))
  const provider = () => engine.provider()
  const grants = createGrantBook({ provider, records: store.records, resources, lifetimes: config.lifetimes, clock })
  const decisions = createDecisions(store.records, config.lifetimes)
  const ownPages = createOwnPages({ provider, config, isAdmitted })
  const openToClients = config.clientPolicy.unverified !== 'refuse'
  const readsDocuments = openToClients && canBeRead(config.clientDocuments)
  const deviceEntry = createDeviceEntry(provider, {
    xsrf,
    attempts: store.attempts,
    onTooMany: () => {
      counters.alarm('user_codes')
      app.log.warn('too many wrong device codes: somebody may be guessing')
    },
  })
  const deviceFlow = logins.map((login) => login.deviceFlow).find((flow) => flow !== undefined)
  const relay =
    deviceFlow &&
    createDeviceRelay({
      github: deviceFlow,
      store,
      accounts,
      resources,
      grants,
      decisions,
      clock,
      provider,
      log: ({ failure, message }) =>
        app.log.warn({ failure, reason: message }, "the relay of GitHub's device flow failed"),
    })
  const parts = {
    config,
    clock,
    accounts,
    resources,
    adapter: createAdapterFactory({
      store,
      clock,
      deviceInterval: config.lifetimes.deviceInterval,
      reuseGrace: config.lifetimes.reuseGrace,
      lifetimes: config.lifetimes,
      relay,
      onPollFromElsewhere: (poll) =>
        app.log.info(poll, 'a device code is polled from another network than it was asked for from'),
      findStaticClient: (clientId) => staticClients?.find(clientId),
      unverified: openToClients
        ? {
            documents: readsDocuments
              ? createClientDocuments({
                  records: store.records,
                  attempts: store.attempts,
                  clock,
                  fetch: (url) =>
                    fetchDocument(url, {
                      privateHosts: new Set(config.clientDocuments.private),
                      proxies: config.proxies,
                    }),
                  hosts: config.clientDocuments,
                  onUnread: (unread) => app.log.warn(unread, "a client's metadata document cannot be read"),
                })
              : undefined,
          }
        : undefined,
    }),
    cookieKeys: sealing.deriveAll('cookies'),
    registrationKey: sealing.derive('registration'),
    reuseGrace: createReuseGrace({
      records: store.records,
      attempts: store.attempts,
      grace: config.lifetimes.reuseGrace,
      isAdmitted,
      endElsewhere: config.reuseElsewhere === 'end',
      onReplay: (replay) => {
        if (replay.elsewhere) counters.alarm('replay')
        app.log[replay.elsewhere ? 'warn' : 'info'](
          replay,
          replay.ended
            ? 'a redeemed token came from another address and program: the sign-in was ended'
            : 'a redeemed token was presented again and got its answer again',
        )
      },
      onFault: (fault) => {
        counters.alarm('probe')
        app.log.warn(fault, 'a token was presented in a request with a fault')
      },
    }),
    endGrant: (grantId: string) => endGrant(store.records, grantId),
    devicePages: createDevicePages(xsrf, deviceEntry.formFor),
    renderError,
    readsDocuments,
    scopesSupported: [...new Set(config.resources.flatMap(({ scopes }) => scopes))],
  }
  const engine: Engine = createEngine({
    documents: store.documents,
    clock,
    lifetimes: config.lifetimes,
    create: (signingKeys) =>
      createProvider(
        { ...parts, signingKeys },
        {
          onDeviceAuthorization: async (ctx) => relay?.begin(ctx),
          onError: (error, route) => app.log.error({ err: error, route }, 'request failed'),
          onTokenAnswer: counters.tokenAnswer,
        },
      ),
    onTrouble: (error) => app.log.error({ err: error }, 'the signing keys cannot be read; trying again'),
    onKeysWritten: (what, algorithms) =>
      what === 'made'
        ? app.log.info(
            { algorithms },
            'a signing key was made: the store had none. Tokens that another one signed are refused',
          )
        : app.log.warn('the store lost its data: the signing keys were written back, and people have to sign in again'),
    onKeysChanged: (change) => logKeysChange(app.log, change),
  })
  let staticClients: StaticClients | undefined
  staticClients = await openStaticClients({
    file: config.clientsFile,
    validate: engine.validateClient,
    onReload: (result) =>
      'fault' in result
        ? app.log.error(result, 'the client file is faulty; the clients stay as they were')
        : app.log.info(result, 'client file read again'),
  })
  await engine.start()
  if (openToClients && !readsDocuments && config.clientDocuments.mode === 'on')
    app.log.warn(
      { admitted: config.clientDocuments.allowed },
      'no client metadata document can ever be read from the hosts of AUTH_METADATA_HOSTS: as AUTH_METADATA_DOCUMENTS=off',
    )
  app.addHook('onClose', async () => {
    engine.stop()
    staticClients[Symbol.dispose]()
  })

  guardHost(app, config.issuer)
  boundBodies(app)
  answerErrors(app)
  const isReady = async () => {
    await store.ping()
    engine.provider()
  }
  registerHealth(app, { drain, isReady })
  metrics?.gauge('gatehouse_ready', 'Whether /readyz would be 200.', () =>
    isReady().then(
      () => 1,
      () => 0,
    ),
  )
  const endConnections = boundConnections(app.server)
  app.addHook('preClose', async () => endConnections(ANSWER_LIMIT)) // after health's, which waits
  registerStartPage(app, config)
  const limits = createRequestLimits(store.attempts, {
    now: clock,
    onBlocked: (clientId) => {
      counters.alarm('client_secret')
      app.log.warn({ clientId }, 'wrong secrets too often: turned away for a while')
    },
  })
  await app.register(
    mountProvider({
      engine,
      issuer: config.issuer,
      resources,
      deviceEntry,
      keySetAge: config.lifetimes.keySet,
      registration: openToClients,
      limits,
    }),
  )
  await app.register(
    interactions({
      gate: createInteractionGate({ provider, resources, isAdmitted, grants, decisions, ownPages }),
      logins: logins.map(({ signIn }) => signIn).filter((login) => login !== undefined),
      originOf,
      admit: (identity) => accounts.admit(identity),
      labelOf: async (subject) => (await accounts.find(subject))?.label ?? subject,
      memories: createLoginMemories(store.records),
      onUpstreamFailure: counters.upstreamFailure,
      visits: ownPages,
      connectedApps: grants,
      allowVisit: async ({ headers, ip }) => {
        refuseParts(headers)
        return limits.take('authorize', ip)
      },
      accessTokenLifetime: config.lifetimes.accessToken,
      issuer: config.issuer,
      xsrf,
      clock,
    }),
  )
  return app
}

function registerStartPage(app: FastifyInstance, { issuer, resources, logins }: Config): void {
  const open = logins.map(describeLogin).filter(letsEverybodyIn)
  app.get(stylesheet.path, (_request, reply) =>
    reply
      .headers({
        'content-type': 'text/css; charset=utf-8',
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
      })
      .send(stylesheet.css),
  )
  app.get('/', (_request, reply) =>
    reply.headers(pageHeaders).send(
      homePage({
        issuer,
        resources: resources.map(({ name, resource }) => ({ name, url: resource })),
        loginHint: open.map(({ label }) => `The ${label} is on: it lets everybody in.`).join(' '),
      }),
    ),
  )
}

/** Key ids are public: the first one of each list signs. */
function logKeysChange(log: FastifyBaseLogger, { alg, before, published, removed }: KeysChange): void {
  if (removed.length > 0)
    log.warn({ alg, removed, published }, 'signing keys were removed: what they signed is refused')
  else if (before[0] === published[0]) log.info({ alg, before, published }, 'other signing keys are published')
  else log.info({ alg, before, published }, 'another signing key signs')
}

function originOf(request: FastifyRequest): Origin {
  return { peer: request.socket.remoteAddress, client: request.ip, forwarding: readForwarding(request.headers) }
}
