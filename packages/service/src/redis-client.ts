// Clients of ioredis for each kind of target: how they come back, and how long a command may take.
//
// Nothing is queued while Redis is away and nothing is sent twice: a command that was on its way when the connection broke
// may have been carried out, and a second `consume` would fail the caller who had won. What a node of a cluster refused
// (MOVED, ASK, TRYAGAIN) was not carried out, and goes to the right one.

import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis'
import { ioredis } from './ioredis.ts'
import { withoutCommand } from './redis-errors.ts'
import { watchFailovers } from './redis-failover.ts'
import type { Access, Address, RedisTarget } from './redis-target.ts'

/** Milliseconds. Together they keep an answer under a second, with a Redis that hangs as with one that is gone. */
export const commandTimeout = 500
const connectTimeout = 500
/** No byte for so long with a command under way: the connection is dead, or Redis hangs. Until it is back all fails at once. */
const socketTimeout = 600
const longestReconnectDelay = 1_000
const longestSentinelDelay = 5_000
/** How often a cluster is asked again who has which slots, and at most, when a connection to a node ended. */
const slotsRefreshInterval = 5_000
const slotsRefreshPause = 500

export type Scripts = Readonly<Record<string, { readonly lua: string; readonly numberOfKeys: number }>>

export interface ClientOptions {
  /** A URL is a single Redis. */
  readonly connection: RedisTarget | string
  /** Told about each failed attempt to connect. For the log: the client goes on trying. */
  readonly onConnectionError?: ((error: Error) => void) | undefined
}

const reconnectDelay = (times: number): number => Math.min(25 * 2 ** times, longestReconnectDelay) + Math.random() * 50

/** Without what decides the types of answers: they are ioredis's own. */
type Options = Omit<RedisOptions, 'replyMapping'>

const common = {
  lazyConnect: true,
  commandTimeout,
  connectTimeout,
  socketTimeout,
  maxLoadingRetryTime: 500,
  // Its command is one more that the account would need.
  disableClientInfo: true,
  // 0, not 1: with 1, ioredis sends again after a reconnect what was under way. See above.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
} satisfies Options

/** Of one Redis, or of whichever node is the master. */
const persistent = {
  ...common,
  enableOfflineQueue: false,
  retryStrategy: reconnectDelay,
  // After a failover the old master is a replica: connect again, which leads to the new one.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
} satisfies Options

/** For commands. Tries to connect at once, whether Redis is there or not. */
export function createCommandClient({ connection, onConnectionError }: ClientOptions, scripts: Scripts) {
  const target = toTarget(connection)
  if (target.kind === 'cluster') return createCluster(target.nodes, target, scripts, onConnectionError)
  // Commands are not gathered (enableAutoPipelining): that costs a process more than the writes that it saves, a trace says that all
  // are of the one who began the batch, and of a cluster ioredis fails a batch whose commands are redirected to different nodes.
  const redis = createSingle(target, { ...persistent, scripts: { ...scripts } })
  connect(redis, onConnectionError)
  return redis
}

/** One connection to listen on: of a cluster to the nodes that were named, in turn, for what one hears all do. */
export function createListeningClient({ connection, onConnectionError }: ClientOptions): Redis {
  const target = toTarget(connection)
  const redis = target.kind === 'cluster' ? createRoaming(target.nodes, target) : createSingle(target, persistent)
  connect(redis, onConnectionError)
  return redis
}

/** For one that is connected: ioredis takes it for the end of the client while it is connecting. */
export function reconnect(redis: Redis): void {
  if (redis.status === 'ready') redis.disconnect(true)
}

export async function closeClient(redis: Redis | Cluster): Promise<void> {
  if (redis.status === 'end') return
  if (redis.status === 'ready') await redis.quit().catch(() => undefined)
  redis.disconnect()
  // ioredis says nothing of an end that comes between two attempts to connect, and others wait to hear of it.
  if (redis.status === 'reconnecting') redis.emit('end')
}

function toTarget(connection: RedisTarget | string): RedisTarget {
  return typeof connection === 'string' ? { kind: 'single', url: connection } : connection
}

function createSingle(target: Exclude<RedisTarget, { kind: 'cluster' }>, options: Options): Redis {
  return target.kind === 'single' ? new (ioredis().Redis)(target.url, options) : createWithSentinels(target, options)
}

function createWithSentinels(target: Extract<RedisTarget, { kind: 'sentinel' }>, options: Options): Redis {
  const redis = new (ioredis().Redis)({
    ...options,
    ...accessOptions(target),
    db: target.database,
    name: target.master,
    sentinels: [...target.sentinels],
    sentinelUsername: target.sentinelUsername,
    sentinelPassword: target.sentinelPassword,
    sentinelCommandTimeout: commandTimeout,
    sentinelRetryStrategy: reconnectDelay,
    // Those that were named: others may give addresses that lead nowhere from here.
    updateSentinels: false,
    ...(target.tls && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
  })
  const { tls, sentinelUsername: username, sentinelPassword: password } = target
  const askers = target.sentinels.map((address) => ({
    ...common,
    ...accessOptions({ tls, username, password }),
    ...address,
    enableReadyCheck: false,
    retryStrategy: (times: number) => Math.min(reconnectDelay(times) * 5, longestSentinelDelay),
  }))
  // Connects again, to the new one: at once if it is about to.
  const failovers = watchFailovers(askers, target.master, () => {
    if (redis.status === 'reconnecting') redis.connect().catch(() => undefined)
    else reconnect(redis)
  })
  redis.once('end', () => failovers.close())
  return redis
}

function createRoaming(nodes: readonly Address[], access: Access): Redis {
  const redis: Redis = new (ioredis().Redis)({
    ...persistent,
    ...accessOptions(access),
    ...nodes[0],
    retryStrategy: (times: number) => {
      Object.assign(redis.options, nodes[times % nodes.length])
      return reconnectDelay(times)
    },
  })
  return redis
}

function createCluster(
  nodes: readonly Address[],
  access: Access,
  scripts: Scripts,
  onConnectionError: ClientOptions['onConnectionError'],
): Cluster {
  const cluster = new (ioredis().Cluster)([...nodes], {
    scripts: { ...scripts },
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectDelay,
    maxRedirections: 4,
    // 0 means never: with the one, ioredis sends again what was under way on a connection that broke.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 50,
    slotsRefreshTimeout: commandTimeout,
    slotsRefreshInterval,
    // Not looked up before: a certificate is for a name.
    dnsLookup: (hostname, callback) => callback(null, hostname),
    redisOptions: { ...common, ...accessOptions(access) },
  } satisfies ClusterOptions)
  const tell = (error: Error) => onConnectionError?.(withoutCommand(error))
  cluster.on('error', (error: Error & { lastNodeError?: Error }) => tell(error.lastNodeError ?? error))
  cluster.on('node error', (error: Error, node: string) => tell(new Error(`${node}: ${error.message}`)))
  keepConnected(cluster)
  cluster.connect().catch(() => undefined)
  return cluster
}

/** Without an offline queue what is asked of a node while its connection is made fails: so it is made before. */
function keepConnected(cluster: Cluster): void {
  const isReady = () => cluster.status === 'ready'
  const open = (node: Redis) => {
    if (isReady() && node.status === 'wait') node.connect().catch(() => undefined)
  }
  cluster.on('ready', () => cluster.nodes().forEach(open))
  // Later, as what made the node known may have a command for it, which opens the connection and is sent by it.
  cluster.on('+node', (node: Redis) => setImmediate(open, node))
  let refreshed = Number.NEGATIVE_INFINITY
  cluster.on('-node', () => {
    if (!isReady() || performance.now() - refreshed < slotsRefreshPause) return
    refreshed = performance.now()
    cluster.refreshSlotsCache()
  })
}

function accessOptions({ tls, username, password }: Access): Options {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} }),
  }
}

function connect(redis: Redis, onConnectionError: ClientOptions['onConnectionError']): void {
  redis.on('error', (error) => onConnectionError?.(withoutCommand(error)))
  // ioredis goes on by retryStrategy; the error was reported above.
  redis.connect().catch(() => undefined)
}
