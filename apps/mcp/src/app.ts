// The MCP server, wired: the key set, the guard, health, and the MCP endpoint. What each does is in its own file.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createGuard, createRemoteKeySet, issuerMetadataPaths, type RemoteKeySet } from '@gatehouse/guard'
import { issuerMetadataMirror, literalRoute, metadataRoutes, resourceGuard } from '@gatehouse/guard/fastify'
import type { SessionStore } from '@gatehouse/mcp-sessions'
import {
  boundConnections,
  connectionLimits,
  createNameCheck,
  logOptions,
  type Metrics,
  registerHealth,
  requestReading,
} from '@gatehouse/service'
import { defaultScopes, effectiveScopes } from '@gatehouse/shared'
import { type FastifyBaseLogger, type FastifyInstance, fastify } from 'fastify'
import type { Config } from './config.ts'
import { refuse } from './errors.ts'
import { openGateway } from './gateway/open-gateway.ts'
import { defaultKeepAlive } from './mcp/answer.ts'
import { type BodyLimits, defaultBodyLimits } from './mcp/body-budget.ts'
import { mcpEndpoint } from './mcp/http.ts'
import { createOriginCheck } from './mcp/origins.ts'
import { policy } from './mcp/policy.ts'
import type { Served } from './mcp/served.ts'
import { serveSource } from './mcp/server.ts'
import { defaultStreamLimits, type StreamLimits } from './mcp/stream-limits.ts'
import { defaultUnsentLimits, type UnsentLimits } from './mcp/unsent-bytes.ts'
import { createBuiltin } from './sources/builtin/builtin.ts'
import type { Source } from './sources/source.ts'
import { createOurVerifier } from './tokens.ts'

export interface AppDependencies {
  readonly config: Config
  /** By default the issuer's, fetched over HTTP. */
  readonly keys?: RemoteKeySet
  /** Where sessions of 2025-era clients are; closed with the app. Without it there are none. */
  readonly store?: SessionStore | undefined
  /** What is served; by default the demonstration. */
  readonly source?: Source
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
  /** Where log lines go; by default to standard output. */
  readonly logStream?: { write(line: string): void }
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
}

/** Makes the server without starting it. Throws nothing: what can be wrong was found by readConfig(). */
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
  const { resource, issuer } = config
  const app = fastify({
    logger: { ...logOptions(config.logLevel), ...(logStream && { stream: logStream }) },
    ...requestReading(config.trustProxy),
    bodyLimit: 1_048_576,
    forceCloseConnections: 'idle',
    return503OnClosing: false, // who is not ready any more still answers for a while
    ...connectionLimits,
    // A path that cannot be decoded, before there is a route.
    frameworkErrors: (_error, _request, reply) =>
      void refuse(reply, 400, 'invalid_request', `The MCP server is at ${resource}`),
  })
  // Bodies are for POST /mcp to read: elsewhere it makes no difference what a client says of one, or that there is none.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, void payload.resume()))
  boundConnections(app.server)
  metrics?.measureRequests(app)
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

  const nameless = namelessRoutes(resource)
  const checkName = createNameCheck(resource)
  const checkOrigin = createOriginCheck(config)
  app.addHook('onRequest', async (request, reply) => {
    const fault = nameless.has(request.routeOptions.url ?? '') ? undefined : checkName(request)
    if (!fault) return
    return (await checkOrigin(request, reply)) ?? refuse(reply, fault.status, fault.error, fault.description)
  })
  app.setNotFoundHandler((_request, reply) => refuse(reply, 404, 'not_found', `The MCP server is at ${resource}`))
  // Known keys are enough, so that a replica stays ready while the issuer is away; a new one is not ready before it had
  // them once. Where sessions are kept is of no account: without that store clients are served all the same.
  const whyNotReady = () => (keys.ready() ? undefined : 'no keys of the issuer yet')
  registerHealth(app, { whyNotReady, retryAfter: 5, drain })
  metrics?.gauge('gatehouse_ready', 'Whether there are keys of the issuer to judge tokens with.', () =>
    keys.ready() ? 1 : 0,
  )
  metrics?.gauge('gatehouse_key_set_age_seconds', "Since the issuer's keys were last loaded.", () => keys.age() / 1000)
  const guard = createGuard({
    resource,
    issuer,
    scopes: defaultScopes,
    resourceName: config.identity.title,
    verifyAccessToken: createOurVerifier({ issuer, resource, keys, clock }),
    effectiveScopes,
  })
  app.register(resourceGuard, { guard })
  // On one host with the issuer, the issuer itself is asked.
  if (new URL(issuer).origin !== new URL(resource).origin) {
    app.register(issuerMetadataMirror, {
      resource,
      issuer,
      // Who cannot reach the keys under the issuer's name cannot reach the metadata there either.
      reachedAt: config.jwksUrl === undefined ? undefined : new URL(config.jwksUrl).origin,
      onFailure: (error) => app.log.warn({ issuer, reason: error.message }, "could not load the issuer's metadata"),
    })
  }
  app.register(mcpEndpoint, {
    config,
    guard,
    served:
      given.createGateway?.(app.log) ??
      openConfigured(config, { log: app.log, builtin: source, metrics }) ??
      serveSource(source, {
        policy,
        identity: config.identity,
        onToolFailure: (tool, err) => app.log.error({ tool, err }, 'tool failed'),
        clock,
      }),
    store,
    streamLimits: { ...defaultStreamLimits, ...streamLimits },
    unsentLimits: { ...defaultUnsentLimits, ...unsentLimits },
    bodyLimits: { ...defaultBodyLimits, ...bodyLimits },
    keepAlive,
    clock,
    answerLimit,
  })
  app.addHook('onClose', async () => store?.close())
  app.addHook('onReady', async () => void keys.ready()) // starts the first load; nobody waits for it
  return app
}

/** What the configuration puts behind the endpoint, if it is not the demonstration. */
function openConfigured(
  { gateway, secrets, ...config }: Config,
  parts: { readonly log: FastifyBaseLogger; readonly builtin: Source; readonly metrics: Metrics | undefined },
): Served | undefined {
  if (!gateway) return undefined
  // without a secret there is nothing but the demonstration, which brings nothing back that has to outlive a process
  const sealing = secrets ?? ([randomBytes(32).toString('base64url')] as const)
  const stateFolder = join(config.dataDir, 'upstreams')
  return openGateway({ ...config, settings: gateway, secrets: sealing, stateFolder, ...parts })
}

/** Routes that are the same under every name: containers and proxies reach them by internal ones. */
function namelessRoutes(resource: string): ReadonlySet<string> {
  const mirrored = Object.values(issuerMetadataPaths(resource)).flat()
  return new Set(['/livez', '/readyz', ...metadataRoutes, ...mirrored.map(literalRoute)])
}
