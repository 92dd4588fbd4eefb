// One connection to Redis: how it comes back, how long a command may take, and what its errors mean to us.
//
// Nothing is queued while Redis is away and nothing is sent twice by ioredis itself: a command that was on its way when
// the connection broke may have been carried out, and a second `consume` would fail the caller who had won.

import { once } from 'node:events'
import { Redis, type RedisOptions, ReplyError } from 'ioredis'
import { GatehouseError, StoreUnavailableError } from '../errors.ts'
import { type ScriptedRedis, scripts } from './redis-scripts.ts'

/** Milliseconds. Together they keep an answer under a second, with a Redis that hangs as with one that is gone. */
const commandTimeout = 500
const connectTimeout = 500
/** No byte for so long with a command under way: the connection is dead, or Redis hangs. Until it is back all fails at once. */
const socketTimeout = 600
const longestReconnectDelay = 1_000
/** How long a read waits for a broken connection to come back. */
const reconnectPatience = 250

/** Answers by which Redis says that it cannot now, rather than that the command is wrong. */
const passingReplies =
  /^(OOM|READONLY|LOADING|MISCONF|BUSY|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|ERR max number of clients)\b/

export interface RedisConnection {
  /** Once more if the connection broke under it. Throws {@link StoreUnavailableError}. */
  read<T>(run: (redis: ScriptedRedis) => Promise<T>): Promise<T>
  /** Throws {@link StoreUnavailableError}, after which the write may have been carried out or not. */
  write<T>(run: (redis: ScriptedRedis) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`, or what ioredis takes, for Sentinel. What this file sets cannot be overridden. */
  readonly connection: string | RedisOptions
  /** Told about each failed attempt to connect. For the log: the store goes on trying. */
  readonly onConnectionError?: ((error: Error) => void) | undefined
  /** Told about each answer by which Redis says that it cannot now, as when it is full or read-only. For the log. */
  readonly onRefusal?: ((error: Error) => void) | undefined
  /** Told at each connection to a Redis that drops data when it is full: its `maxmemory-policy`. For the log. */
  readonly onEviction?: ((policy: string) => void) | undefined
}

/** Returns at once, whether Redis is there or not. */
export function openRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const { connection, onConnectionError, onRefusal, onEviction } = options
  const redis = createClient(connection)
  redis.on('error', (error) => onConnectionError?.(withoutCommand(error)))
  redis.on('ready', () => void checkEviction())
  // ioredis goes on by retryStrategy; the error was reported above.
  redis.connect().catch(() => undefined)
  let reconnected: Promise<boolean> | undefined

  function isBack(): Promise<boolean> {
    if (redis.status === 'ready') return Promise.resolve(true)
    reconnected ??= once(redis, 'ready', { signal: AbortSignal.timeout(reconnectPatience) })
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        reconnected = undefined
      })
    return reconnected
  }

  /** Sessions and codes must not vanish, and CONFIG is more than the account of this service may ask. */
  async function checkEviction(): Promise<void> {
    const memory = await redis.info('memory').catch(() => '')
    const policy = /^maxmemory_policy:(.+)$/m.exec(memory)?.[1]
    if (policy !== undefined && policy !== 'noeviction') onEviction?.(policy)
  }

  function failure(error: unknown): unknown {
    const translated = translate(error instanceof Error ? withoutCommand(error) : error)
    if (translated instanceof StoreUnavailableError && isReply(error)) onRefusal?.(error)
    return translated
  }

  async function write<T>(run: (redis: ScriptedRedis) => Promise<T>): Promise<T> {
    try {
      return await run(redis)
    } catch (error) {
      throw failure(error)
    }
  }

  return {
    write,

    async read(run) {
      const wasReady = redis.status === 'ready'
      const started = performance.now()
      try {
        return await run(redis)
      } catch (error) {
        const isCut = wasReady && !isReply(error) && performance.now() - started < commandTimeout / 2
        if (isCut && (await isBack())) return write(run)
        throw failure(error)
      }
    },

    async close() {
      if (redis.status === 'end') return
      if (redis.status === 'ready') await redis.quit().catch(() => undefined)
      redis.disconnect()
    },
  }
}

function createClient(connection: string | RedisOptions): ScriptedRedis {
  const options = {
    ...(typeof connection === 'string' ? {} : connection),
    scripts,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    commandTimeout,
    connectTimeout,
    socketTimeout,
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
  const redis = typeof connection === 'string' ? new Redis(connection, options) : new Redis(options)
  return redis as ScriptedRedis
}

/** ioredis puts the command on its errors, and so our password, or what is stored: nothing for a log. */
function withoutCommand(error: Error): Error {
  Reflect.deleteProperty(error, 'command')
  return error
}

/** Everything is "unavailable" but what Redis refuses as wrong: that is a fault of ours. */
function translate(error: unknown): unknown {
  if (error instanceof GatehouseError) return error
  if (isReply(error) && !passingReplies.test(error.message)) return error
  return new StoreUnavailableError(error)
}

function isReply(error: unknown): error is Error {
  return error instanceof ReplyError
}
