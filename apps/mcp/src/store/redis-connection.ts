// Connections to Redis: how they come back, how long a command may take, and what their errors mean to us. One takes
// commands; the other one only listens, as Redis wants it.
//
// Nothing is queued while Redis is away and nothing is sent twice: a command that was under way when the connection broke
// may have been carried out, and an event would be there twice.

import { Redis, type RedisOptions, ReplyError } from 'ioredis'
import { StoreUnavailableError } from '../errors.ts'
import { type ScriptedRedis, scripts } from './redis-scripts.ts'

/** Milliseconds. Together they keep an answer under a second, with a Redis that hangs as with one that is gone. */
const commandTimeout = 500
const connectTimeout = 500
/** No byte for so long with a command under way: the connection is dead, or Redis hangs. Until it is back all fails at once. */
const socketTimeout = 600
const longestReconnectDelay = 1_000

/** Answers by which Redis says that it cannot now, rather than that the command is wrong. */
const passingReplies =
  /^(OOM|READONLY|LOADING|MISCONF|BUSY|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|ERR max number of clients)\b/

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string
  /** Told about each failed attempt to connect. For the log: the store goes on trying. */
  readonly onConnectionError?: ((error: Error) => void) | undefined
}

export interface RedisConnection {
  /** Throws {@link StoreUnavailableError}, after which a write may have been carried out or not. */
  run<T>(command: (redis: ScriptedRedis) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Returns at once, whether Redis is there or not. */
export function openRedisConnection({ url, onConnectionError }: RedisConnectionOptions): RedisConnection {
  const redis = new Redis(url, {
    ...always,
    scripts,
    enableAutoPipelining: true,
    commandTimeout,
    socketTimeout,
  }) as ScriptedRedis
  connect(redis, onConnectionError)
  return {
    async run(command) {
      try {
        return await command(redis)
      } catch (error) {
        throw translate(error)
      }
    },
    close: () => close(redis),
  }
}

export interface RedisChannels {
  /** Resolves when what is said there is heard from now on, or there is no connection to hear it over. */
  subscribe(channel: string): Promise<void>
  unsubscribe(channel: string): void
  close(): Promise<void>
}

export interface RedisChannelsOptions extends RedisConnectionOptions {
  readonly onMessage: (channel: string, message: Buffer) => void
  /** The connection is back, and what was said meanwhile was missed. */
  readonly onResumed: () => void
}

export function openRedisChannels({
  url,
  onConnectionError,
  onMessage,
  onResumed,
}: RedisChannelsOptions): RedisChannels {
  const wanted = new Set<string>()
  const redis = new Redis(url, { ...always, autoResubscribe: false })
  redis.on('messageBuffer', (channel, message) => onMessage(channel.toString(), message))
  redis.on('ready', () => {
    if (wanted.size > 0) redis.subscribe(...wanted).then(onResumed, () => redis.disconnect(true))
  })
  connect(redis, onConnectionError)
  return {
    async subscribe(channel) {
      wanted.add(channel)
      // Without a connection: 'ready' will see to it.
      if (redis.status === 'ready') await redis.subscribe(channel).catch(() => redis.disconnect(true))
    },
    unsubscribe(channel) {
      wanted.delete(channel)
      if (redis.status === 'ready') redis.unsubscribe(channel).catch(() => undefined)
    },
    close: () => close(redis),
  }
}

const always = {
  lazyConnect: true,
  enableOfflineQueue: false,
  connectTimeout,
  maxLoadingRetryTime: 500,
  // Its command is one more that the account would need.
  disableClientInfo: true,
  // 0, not 1: with 1, ioredis sends again after a reconnect what was under way. See above.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  retryStrategy: (times) => Math.min(25 * 2 ** times, longestReconnectDelay) + Math.random() * 50,
  // After a failover the old master is a replica: connect again, which leads to the new one.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
  replyMapping: 'legacy',
} satisfies RedisOptions

function connect(redis: Redis, onConnectionError: RedisConnectionOptions['onConnectionError']): void {
  redis.on('error', (error) => onConnectionError?.(error))
  // ioredis goes on by retryStrategy; the error was reported above.
  redis.connect().catch(() => undefined)
}

async function close(redis: Redis): Promise<void> {
  if (redis.status === 'end') return
  if (redis.status === 'ready') await redis.quit().catch(() => undefined)
  redis.disconnect()
}

/** Everything is "unavailable" but what Redis refuses as wrong: that is a fault of ours. */
function translate(error: unknown): unknown {
  if (isReply(error) && !passingReplies.test(error.message)) return error
  return new StoreUnavailableError(error)
}

function isReply(error: unknown): error is Error {
  return error instanceof ReplyError
}
