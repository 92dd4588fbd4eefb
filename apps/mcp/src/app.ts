// The MCP server, wired: the key set, the guard, health, and the MCP endpoint. What each does is in its own file.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createRemoteKeySet, type RemoteKeySet } from '@gatehouse/guard'
import { createIssuerMetadataAnswer, serveMetadata } from '@gatehouse/guard/fastify'
import type { SessionStore } from '@gatehouse/mcp-sessions'
import type { Replicas } from '@gatehouse/replicas'
import {
  boundConnections,
  connectionLimits,
  createAudit,
  logOptions,
  type Metrics,
  nameOf,
  registerHealth,
  requestLines,
  requestReading,
  requestTracing,
  traceRequests,
  withoutSchemas,
} from '@gatehouse/service'
import { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Config, Endpoint } from './config.ts'
import { dispatch, endpointOf, whereabouts } from './endpoints/dispatch.ts'
import { openEndpoints } from './endpoints/endpoints.ts'
import { createIssuerCheck } from './endpoints/issuer-check.ts'
import { refuse } from './errors.ts'
import { measureCalls } from './gateway/call-measures.ts'
import type { Gateway, GatewayParts, openGateway } from './gateway/open-gateway.ts'
import { defaultKeepAlive } from './mcp/answer.ts'
import { type BodyLimits, defaultBodyLimits } from './mcp/body-budget.ts'
import { createCommon } from './mcp/common.ts'
import { mcpRoutes } from './mcp/http.ts'
import { policy } from './mcp/policy.ts'
import type { Served } from './mcp/served.ts'
import { serveSource } from './mcp/server.ts'
import { defaultStreamLimits, type StreamLimits } from './mcp/stream-limits.ts'
import { defaultUnsentLimits, type UnsentLimits } from './mcp/unsent-bytes.ts'
import { createReload, type ReloadSource } from './reload.ts'
import { createBuiltin } from './sources/builtin/builtin.ts'
import type { Source } from './sources/source.ts'

export interface AppDependencies {
  readonly config: Config
  /** By default the issuer's, fetched over HTTP. */
  readonly keys?: RemoteKeySet
  /** Where sessions of 2025-era clients are; closed with the app. Without it there are none. */
  readonly store?: SessionStore | undefined
  /** The others that serve the same, where the gateway has to know them; closed with the app. */
  readonly replicas?: Replicas | undefined
  /** What is served; by default the demonstration. */
  readonly source?: Source
  /** Needed where the configuration has a gateway: without one nothing of it is loaded. */
  readonly openGateway?: typeof openGateway | undefined
  /** Other people's servers, in the place of `source`. */
  readonly createGateway?: (log: FastifyBaseLogger) => Served
  readonly streamLimits?: Partial<StreamLimits>
  readonly unsentLimits?: Partial<UnsentLimits>
  readonly bodyLimits?: Partial<BodyLimits>
  /** Milliseconds without a word after which an open stream has a comment. By default a quarter of a minute. */
  readonly keepAlive?: number
  /** Milliseconds between "not ready" and the end. By default none. */
  readonly drain?: number
  /** Milliseconds for calls to end in before a shutdown ends them. */
  readonly answerLimit?: number
  readonly metrics?: Metrics | undefined
  /** How the process comes to other settings while it runs. By default never. */
  readonly reload?: ReloadSource
  /** Where log lines go; by default to standard output. */
  readonly logStream?: { write(line: string): unknown }
  /** Calls a function when an operator says that files were moved. */
  readonly onHangUp?: (run: () => void) => () => void
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
}

/** What {@link createApp} needs where the configuration has a gateway. */
export async function loadGateway(): Promise<typeof openGateway> {
  return (await import('./gateway/open-gateway.ts')).openGateway
}

/** Milliseconds for the issuer to see the same change of the same file. */
const issuerReadsToo = 15_000

/** Makes the server without starting it. What can be wrong with the settings was found by readConfig(). */
export function createApp({
  config,
  store,
  source = createBuiltin(),
  streamLimits,
  unsentLimits,
  bodyLimits,
  keepAlive = defaultKeepAlive,
  metrics,
  logStream,
  clock = Date.now,
  drain = 0,
  answerLimit = 5_000,
  ...given
}: AppDependencies): FastifyInstance {
  const { issuer } = config
  const app = fastify({
    logger: { ...logOptions(config.logLevel), ...(logStream && { stream: logStream }) },
    ...requestReading(config.trustProxy),
    ...requestTracing(),
    ...requestLines(),
    ...withoutSchemas(),
    genReqId: () => crypto.randomUUID(),
    bodyLimit: 1_048_576,
    forceCloseConnections: 'idle',
    return503OnClosing: false, // who is not ready any more still answers for a while
    ...connectionLimits,
    // A path that cannot be decoded, before there is a route.
    frameworkErrors: (_error, request, reply) => refuseUnreadable(request, reply),
  })
  // Bodies are for POST to an endpoint to read: elsewhere it makes no difference what a client says of one.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, void payload.resume()))
  boundConnections(app.server)
  const routeOf = ({ place, routeOptions }: FastifyRequest) => (place ? place.route : routeOptions.url)
  traceRequests(app, routeOf)
  metrics?.measureRequests(app, routeOf)
  const countFailedLoad = metrics?.counter(
    'gatehouse_key_set_failures_total',
    "Loads of the issuer's keys that failed.",
    [],
  )
  const keys =
    given.keys ??
    createRemoteKeySet({
      issuer,
      url: config.jwksUrl,
      onFailure: (error) => {
        app.log.warn({ issuer, reason: error.message }, "could not load the issuer's keys")
        countFailedLoad?.({})
      },
      onClockDifference: (aheadBySeconds) =>
        app.log.warn({ issuer, aheadBySeconds }, "this clock and the issuer's differ: tokens will be refused"),
    })

  const audit = createAudit({
    service: 'mcp',
    settings: config.audit,
    log: app.log,
    metrics,
    stdout: logStream ?? { write: (line) => void process.stdout.write(line) },
    onHangUp: given.onHangUp,
    clock,
  })
  const common = createCommon({
    audit,
    onCall: metrics && config.gateway && measureCalls(metrics),
    streamLimits: { ...defaultStreamLimits, ...streamLimits },
    unsentLimits: { ...defaultUnsentLimits, ...unsentLimits },
    keepAlive,
    clock,
    answerLimit,
    log: app.log,
  })
  const parts = { log: app.log, builtin: source, metrics, audit, replicas: given.replicas }
  const gateway = given.createGateway ? undefined : openConfigured(config, given.openGateway, parts)
  const serve = (endpoint: Endpoint): Served =>
    given.createGateway?.(app.log) ??
    gateway?.serve(endpoint) ??
    serveSource(source, {
      policy,
      identity: { ...config.identity, title: endpoint.title },
      onToolFailure: (tool, err) => app.log.error({ tool, err }, 'tool failed'),
      clock,
    })
  function refuseUnreadable(request: FastifyRequest, reply: FastifyReply): void {
    refuse(reply, 400, 'invalid_request', whereabouts(endpoints.directory().table, request))
  }
  const endpoints = openEndpoints({ config, keys, store, common, serve, clock })
  // Who cannot reach the keys under the issuer's name cannot reach the metadata there either.
  const reachedAt = config.jwksUrl === undefined ? undefined : new URL(config.jwksUrl).origin
  const issuerCheck = createIssuerCheck({ issuer, reachedAt, log: app.log })
  const answerIssuerMetadata = createIssuerMetadataAnswer({
    issuer,
    reachedAt,
    onFailure: (error) => app.log.warn({ issuer, reason: error.message }, "could not load the issuer's metadata"),
  })
  dispatch(app, endpoints.directory, { answerIssuerMetadata, callerKeys: () => gateway?.callerKeys() })
  // Known keys are enough, so that a replica stays ready while the issuer is away; a new one is not ready before it had
  // them once. Where sessions are kept is of no account: without that store clients are served all the same.
  const whyNotReady = () => (keys.ready() ? undefined : 'no keys of the issuer yet')
  registerHealth(app, { whyNotReady, retryAfter: 5, drain })
  metrics?.gauge('gatehouse_ready', 'Whether there are keys of the issuer to judge tokens with.', () =>
    keys.ready() ? 1 : 0,
  )
  metrics?.gauge('gatehouse_key_set_age_seconds', "Since the issuer's keys were last loaded.", () => keys.age() / 1000)
  serveMetadata(app, (request) => {
    const { table } = endpoints.directory()
    return (table.on(nameOf(request)) ?? table.endpoints).map(({ guard }) => guard)
  })
  app.addHook('preClose', async () => gateway?.drain())
  app.register(mcpRoutes, {
    common,
    bodyLimits: { ...defaultBodyLimits, ...bodyLimits },
    sessions: store !== undefined,
    endpointOf,
    stop: endpoints.stop,
    close: async () => {
      await endpoints.close()
      await gateway?.close()
    },
  })
  app.addHook('onClose', async () => store?.close())
  app.addHook('onClose', () => audit.close())
  app.addHook('onReady', async () => void keys.ready()) // starts the first load; nobody waits for it
  app.addHook('onReady', async () => issuerCheck.look(config.endpoints.map(({ resource }) => resource)))
  app.addHook('preClose', async () => issuerCheck.close())
  if (given.reload && gateway && config.files.length > 0) {
    const apply = (next: Config, before: Config): readonly string[] => {
      if (!next.gateway) throw new Error('there is nothing to serve')
      const changed = gateway.change({ ...next, settings: next.gateway })
      audit.change(next.audit)
      endpoints.change(next, Math.max(...(before.gateway?.upstreams ?? []).map(({ timeouts }) => timeouts.call)))
      issuerCheck.look(
        next.endpoints.map(({ resource }) => resource),
        issuerReadsToo,
      )
      return changed
    }
    const reload = createReload({ source: given.reload, config, apply, log: app.log, metrics })
    app.addHook('onReady', async () => reload.start())
    app.addHook('preClose', async () => reload.close())
  }
  return app
}

/** What the configuration puts behind the endpoints, if it is not the demonstration. */
function openConfigured(
  { gateway, secrets, audit: _, ...config }: Config,
  open: AppDependencies['openGateway'],
  parts: Pick<GatewayParts, 'log' | 'builtin' | 'metrics' | 'audit' | 'replicas'>,
): Gateway | undefined {
  if (!gateway) return undefined
  if (!open) throw new Error('The configuration has a gateway: createApp() needs openGateway')
  // without a secret there is nothing but the demonstration, which brings nothing back that has to outlive a process
  const sealing = secrets ?? ([randomBytes(32).toString('base64url')] as const)
  const stateFolder = join(config.dataDir, 'upstreams')
  const keyFile = join(config.dataDir, 'gateway.sqlite')
  return open({ ...config, settings: gateway, secrets: sealing, stateFolder, keyFile, ...parts })
}
