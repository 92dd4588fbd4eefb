// The authorization server, wired: this is the one place where its parts meet. createApp is a list: stores and limits,
// logins, the provider, then every route and what stands in front of it. Nothing is used above the line that makes it.
import { boundConnections, createAudit, type Metrics, readForwarding } from '@gatehouse/service'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import { createAccountRecords } from './accounts/account-records.ts'
import { createAccounts } from './accounts/accounts.ts'
import { createFactNeeds } from './accounts/fact-needs.ts'
import { createGroups } from './accounts/groups.ts'
import { moveInBackground } from './accounts/moving.ts'
import type { Config } from './config.ts'
import { createCounters } from './counters.ts'
import { guardHost } from './hosts.ts'
import { answerErrors } from './http-errors.ts'
import { createHttpServer } from './http-server.ts'
import type { Origin } from './identity/identity.ts'
import { interactions } from './interactions/interactions.ts'
import { createLoginMemories } from './interactions/upstream-login.ts'
import { boundBodies } from './limits/bodies-under-way.ts'
import { refuseParts } from './limits/browser-requests.ts'
import { createRequestLimits } from './limits/request-limits.ts'
import { createLogins } from './logins/index.ts'
import { createNotices } from './notices.ts'
import { createAdapterFactory } from './provider/adapters/index.ts'
import { canBeRead } from './provider/clients/documents/admitted-hosts.ts'
import { createClientDocuments } from './provider/clients/documents/client-documents.ts'
import { fetchDocument } from './provider/clients/documents/safe-fetch.ts'
import { createKnownClients } from './provider/clients/known-clients.ts'
import { createStaticClients } from './provider/clients/static-clients.ts'
import { createDeviceEntry } from './provider/device/entry.ts'
import { createHeldPolls } from './provider/device/held-polls.ts'
import { createKnownCodes } from './provider/device/known-codes.ts'
import { createDevicePages } from './provider/device/pages.ts'
import { createDeviceRelay } from './provider/device/relay.ts'
import { createShortPolls } from './provider/device/short-polls.ts'
import { type CreateProvider, createClientCheck, createEngine } from './provider/engine.ts'
import { renderError } from './provider/error-page.ts'
import { endGrant } from './provider/grants/end-grant.ts'
import { createReuseGrace } from './provider/grants/reuse-grace.ts'
import { accountLifetime } from './provider/lifetimes.ts'
import { mountProvider } from './provider/mount.ts'
import { createGrantBook } from './provider/people/connected-apps.ts'
import { createDecisions } from './provider/people/decisions.ts'
import { createInteractionGate } from './provider/people/interaction-gate.ts'
import { createOwnPages } from './provider/people/own-page.ts'
import { createProvider, type ProviderEvents } from './provider/provider.ts'
import { createReadAhead } from './provider/read-ahead.ts'
import { createResources } from './provider/resources.ts'
import { registerReadiness } from './readiness.ts'
import { followFile, type ReloadSource } from './reload.ts'
import { registerStartPage } from './start-page.ts'
import type { Clock, Store } from './store/contract.ts'
import type { Sealing } from './store/sealing.ts'
import { createXsrf } from './xsrf.ts'

/** Milliseconds for the requests that are under way when the app closes. */
const answerLimit = 5_000

export interface AppDependencies {
  readonly config: Config
  readonly store: Store
  readonly sealing: Sealing
  readonly clock?: Clock
  readonly logger?: FastifyBaseLogger
  readonly metrics?: Metrics | undefined
  /** Absent: the resources stay as they are. */
  readonly reload?: ReloadSource | undefined
  /** Where log lines go, for an audit that is among them. By default standard output. */
  readonly logStream?: { write(line: string): unknown }
  /** Calls a function when an operator says that files were moved. */
  readonly onHangUp?: (run: () => void) => () => void
  /** Milliseconds between "not ready" and the end. By default none. */
  readonly drain?: number
}

/** Throws {@link ConfigError} if the client file is faulty. A store that does not answer yet is no fault: see engine.ts. */
export async function createApp({
  config,
  store: ownStore,
  sealing,
  clock = Date.now,
  logger,
  metrics,
  reload,
  logStream = { write: (line) => void process.stdout.write(line) },
  onHangUp,
  drain = 0,
}: AppDependencies): Promise<FastifyInstance> {
  const app = createHttpServer({ trustProxy: config.trustProxy, logger, metrics })
  const counters = createCounters(metrics)
  const audit = createAudit({
    service: 'auth',
    settings: config.audit,
    log: app.log,
    metrics,
    stdout: logStream,
    onHangUp,
    clock,
  })
  app.addHook('onClose', () => audit.close())
  const { write } = audit
  const notices = createNotices({ log: app.log, counters, write })

  // stores and limits
  const { store, begin: readAhead } = createReadAhead(ownStore)
  const { documents, records, attempts } = store
  const { lifetimes, admission: rules, trustProxy } = config
  const limits = createRequestLimits(attempts, { now: clock, onBlocked: notices.wrongClientSecrets })
  const xsrf = createXsrf(sealing.deriveAll('xsrf'))
  const resources = createResources(config.resources)
  const decisions = createDecisions(records, lifetimes)

  // logins, and who came by them
  const groups = createGroups(config.groups)
  if (config.unmetGroups.length > 0) notices.groupsUnmet(config.unmetGroups)
  const logins = createLogins(config.logins, { needs: createFactNeeds(rules, groups), now: clock, trustProxy })
  const people = createAccountRecords({ store, keptFor: accountLifetime(lifetimes) * 1000 })
  const accounts = createAccounts({
    people,
    documents,
    records,
    rules,
    groups,
    logins,
    tokenLifetime: lifetimes.accessToken,
    clock,
    onRefused: notices.personRefused,
    onStale: notices.factsStale,
  })
  let stopMoving = () => {}
  app.addHook('onReady', async () => {
    stopMoving = moveInBackground({ people, onFault: notices.accountsNotMoved })
  })
  app.addHook('preClose', async () => stopMoving())
  const isAdmitted = async (subject: string) => (await accounts.findAdmitted(subject)) !== undefined

  // what runs the provider, and what asks the one that runs
  const engine = createEngine({
    documents,
    clock,
    lifetimes,
    onTrouble: notices.keysUnreadable,
    onKeysWritten: notices.keysWritten,
    onKeysChanged: notices.keysChanged,
  })
  const { provider } = engine
  const grants = createGrantBook({ provider, records, resources, lifetimes, clock, onRoomMade: notices.roomMade })
  const ownPages = createOwnPages({ provider, config, isAdmitted })
  const gate = createInteractionGate({ provider, resources, accounts, grants, decisions, ownPages })
  const deviceEntry = createDeviceEntry(provider, { xsrf, attempts, onTooMany: notices.wrongUserCodes })
  const heldPolls = createHeldPolls({
    deviceCodes: store.deviceCodes,
    hold: config.hold * 1000,
    onEnd: counters.holdEnd,
    onFull: notices.noRoomToHold,
  })
  metrics?.gauge('gatehouse_held_polls', 'Polls of waiting devices that are held.', heldPolls.count)
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
      log: notices.relayFailed,
      onSecurityEvent: write,
    })

  // clients
  const staticClients = createStaticClients({ file: config.clientsFile, onReload: notices.clientFileRead })
  const { find: findStaticClient } = staticClients
  const { findStamped } = store.deviceCodes
  const knownCodes = config.fastPaths ? createKnownCodes({ findStaticClient, findStamped }) : undefined
  const shortPolls =
    knownCodes &&
    createShortPolls({
      knownCodes,
      findStaticClient,
      heldPolls,
      store,
      resources,
      clock,
      deviceInterval: lifetimes.deviceInterval,
      onPollFromElsewhere: notices.polledFromElsewhere,
      onAnswer: counters.tokenAnswer,
    })
  const openToClients = config.clientPolicy.unverified !== 'refuse'
  const readsDocuments = openToClients && canBeRead(config.clientDocuments)
  const privateHosts = new Set(config.clientDocuments.private)
  const documentsOfClients = readsDocuments
    ? createClientDocuments({
        records,
        attempts,
        clock,
        fetch: (url) => fetchDocument(url, { privateHosts, proxies: config.proxies }),
        hosts: config.clientDocuments,
        onUnread: notices.documentUnread,
      })
    : undefined
  if (openToClients && !readsDocuments && config.clientDocuments.mode === 'on')
    notices.documentsUnreadable(config.clientDocuments.allowed)

  // the provider, made again for each key set
  const parts = {
    config,
    clock,
    accounts,
    resources,
    adapter: createAdapterFactory({
      store,
      clock,
      lifetimes,
      resources,
      deviceInterval: lifetimes.deviceInterval,
      reuseGrace: lifetimes.reuseGrace,
      heldPolls,
      knownCodes,
      relay,
      onPollFromElsewhere: notices.polledFromElsewhere,
      readAhead,
      knownClients: createKnownClients({ clock, isOn: config.fastPaths }),
      findStaticClient,
      unverified: openToClients ? { documents: documentsOfClients } : undefined,
    }),
    cookieKeys: sealing.deriveAll('cookies'),
    registrationKey: sealing.derive('registration'),
    reuseGrace: createReuseGrace({
      records,
      attempts,
      grace: lifetimes.reuseGrace,
      isAdmitted,
      endElsewhere: config.reuseElsewhere === 'end',
      onReplay: notices.replayed,
      onFault: notices.probed,
    }),
    endGrant: (grantId: string) => endGrant(records, grantId),
    devicePages: createDevicePages(xsrf, deviceEntry.formFor),
    renderError,
    readsDocuments,
  }
  const events: ProviderEvents = {
    onDeviceAuthorization: async (ctx) => relay?.begin(ctx),
    onError: notices.requestFailed,
    onTokenAnswer: counters.tokenAnswer,
    onSecurityEvent: write,
  }
  const create: CreateProvider = (signingKeys) => createProvider({ ...parts, signingKeys }, events)
  await staticClients.open(createClientCheck(create))
  await engine.start(create)
  app.addHook('onClose', async () => {
    engine.stop()
    staticClients[Symbol.dispose]()
  })

  // the file that the resources may come from
  const { groupsUnmet: onUnmet, gatewayFileRead: onReload } = notices
  const stopFollowing = reload && followFile(reload, { resources, groups, audit, onUnmet, onReload })
  app.addHook('onClose', async () => stopFollowing?.())

  // what every request goes through, and what probes ask
  guardHost(app, config.issuer)
  boundBodies(app)
  answerErrors(app)
  app.addHook('preClose', async () => heldPolls.drain()) // before health's, which waits
  registerReadiness(app, { store, provider, metrics, drain })
  const endConnections = boundConnections(app.server)
  app.addHook('preClose', async () => endConnections(answerLimit)) // after health's, which waits

  // the mounts
  registerStartPage(app, config, resources)
  await app.register(
    mountProvider({
      engine,
      issuer: config.issuer,
      resources,
      deviceEntry,
      shortPolls,
      keySetAge: lifetimes.keySet,
      registration: openToClients,
      limits,
    }),
  )
  await app.register(
    interactions({
      gate,
      logins: logins.map(({ signIn }) => signIn).filter((login) => login !== undefined),
      originOf,
      admit: (identity) => accounts.admit(identity),
      labelOf: async (subject) => (await accounts.find(subject))?.label ?? subject,
      memories: createLoginMemories(records),
      onUpstreamFailure: counters.upstreamFailure,
      onSecurityEvent: write,
      visits: ownPages,
      connectedApps: grants,
      allowVisit: async ({ headers, ip }) => {
        refuseParts(headers)
        return limits.take('authorize', ip)
      },
      accessTokenLifetime: lifetimes.accessToken,
      issuer: config.issuer,
      xsrf,
      clock,
    }),
  )
  return app
}

function originOf(request: FastifyRequest): Origin {
  return { peer: request.socket.remoteAddress, client: request.ip, forwarding: readForwarding(request.headers) }
}
