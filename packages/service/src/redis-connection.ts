// Commands to Redis: what may be sent again, what is waited for, and how a failure is told.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { StoreUnavailableError } from './errors.ts'
import { ioredis } from './ioredis.ts'
import { type ClientOptions, closeClient, commandTimeout, createCommandClient, type Scripts } from './redis-client.ts'
import { isReply, translate } from './redis-errors.ts'
import { watchReplication } from './redis-replication.ts'
import { createRedisRoom, type RedisMemory, readRedisMemory } from './redis-room.ts'
import { type KeysStep, scanKeys } from './redis-scan.ts'

/** How long a read waits, in milliseconds, for a broken connection to come back; of a cluster, how often it looks. */
const reconnectPatience = 250
const nodePatience = 50

/** What commands are given to; ioredis adds a method for each script. */
export type RedisCommands = Redis

/** A script as a command: its keys, and then what it is told. */
export type RedisScript<Keys extends string[], Result> = (
  ...args: [...Keys, ...(string | number | Buffer)[]]
) => Promise<Result>

export interface RedisConnection<Commands extends RedisCommands> {
  /** Once more if the connection broke under it. Throws {@link StoreUnavailableError}. */
  read<T>(run: (redis: Commands) => Promise<T>): Promise<T>
  /** Throws {@link StoreUnavailableError}, after which the write may have been carried out or not. */
  write<T>(run: (redis: Commands) => Promise<T>): Promise<T>
  /** A write of so many bytes that may be refused: it is while Redis is three quarters full, in the same way. */
  add<T>(bytes: number, run: (redis: Commands) => Promise<T>): Promise<T>
  /**
   * For what must not be forgotten: with Sentinels it resolves when a replica has all that was written before, so that a
   * failover cannot lose it. Throws {@link StoreUnavailableError} where a replica is not in time (100 ms); where there was
   * none lately it resolves, and `onUncopied` is told. Without Sentinels it resolves at once.
   */
  copied(): Promise<void>
  /** A few names of keys: see {@link scanKeys}. Throws {@link StoreUnavailableError}, also where the account may not ask. */
  scan(
    pattern: string,
    step: { readonly count: number; readonly after?: string | undefined },
  ): Promise<KeysStep | undefined>
  /** Resolves if Redis answers; of a cluster each master that is known. Throws {@link StoreUnavailableError}. */
  ping(): Promise<void>
  close(): Promise<void>
}

export interface RedisConnectionOptions extends ClientOptions {
  /** A key that {@link RedisConnection.copied} may write to. */
  readonly mark?: string | undefined
  /** Told about each answer by which Redis says that it cannot now, as when it is full or read-only. For the log. */
  readonly onRefusal?: ((error: Error) => void) | undefined
  /** Told at each connection to a Redis that drops data when it is full: its `maxmemory-policy`. For the log. */
  readonly onEviction?: ((policy: string) => void) | undefined
  /** Told about each {@link RedisConnection.copied} for which there was no replica. For the log. */
  readonly onUncopied?: (() => void) | undefined
}

/** Returns at once, whether Redis is there or not. `Commands` has to be what `scripts` makes of them. */
export function openRedisConnection<Commands extends RedisCommands>(
  options: RedisConnectionOptions,
  scripts: Scripts,
): RedisConnection<Commands> {
  const { connection, mark = 'mark', onRefusal, onEviction, onUncopied } = options
  const { Cluster } = ioredis()
  const redis = createCommandClient(options, scripts)
  // The commands of both are the same ones.
  const commands = redis as unknown as Commands
  redis.on('ready', () => void checkEviction())
  const hasReplicas = typeof connection !== 'string' && connection.kind === 'sentinel'
  const replication = hasReplicas ? watchReplication(redis as Redis, mark, onUncopied) : undefined
  let reconnected: Promise<boolean> | undefined

  const masters = (): readonly Redis[] => (redis instanceof Cluster ? redis.nodes('master') : [redis])
  const requireRoom = createRedisRoom({
    look: () => Promise.all(masters().map(memoryOf)),
    now: () => performance.now(),
  })

  /** Who may not ask is not limited. */
  async function memoryOf(node: Redis): Promise<RedisMemory> {
    try {
      return readRedisMemory(await node.info('memory'))
    } catch (error) {
      if (isReply(error)) return { used: 0, most: 0 }
      throw error
    }
  }

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
    for (const node of masters()) {
      const memory = await node.info('memory').catch(() => '')
      const policy = /^maxmemory_policy:(.+)$/m.exec(memory)?.[1]
      if (policy !== undefined && policy !== 'noeviction') onEviction?.(policy)
    }
  }

  function failure(error: unknown): unknown {
    const translated = translate(error)
    if (translated !== error && isReply(error)) onRefusal?.(error)
    return translated
  }

  async function write<T>(run: (redis: Commands) => Promise<T>): Promise<T> {
    try {
      return await run(commands)
    } catch (error) {
      throw failure(error)
    }
  }

  async function add<T>(bytes: number, run: (redis: Commands) => Promise<T>): Promise<T> {
    try {
      await requireRoom(bytes)
    } catch (error) {
      if (error instanceof StoreUnavailableError) onRefusal?.(error.cause as Error)
      throw failure(error)
    }
    return write(run)
  }

  async function read<T>(run: (redis: Commands) => Promise<T>): Promise<T> {
    const wasReady = redis.status === 'ready'
    const started = performance.now()
    try {
      return await run(commands)
    } catch (error) {
      const isCut = wasReady && !isReply(error) && performance.now() - started < commandTimeout / 2
      if (isCut && redis instanceof Cluster) return readWhileNodesComeBack(run)
      if (isCut && (await isBack())) return write(run)
      throw failure(error)
    }
  }

  /** Of a cluster nothing tells when the one node that is asked is there again. */
  async function readWhileNodesComeBack<T>(run: (redis: Commands) => Promise<T>): Promise<T> {
    for (const end = performance.now() + reconnectPatience; ; ) {
      await sleep(nodePatience)
      try {
        return await run(commands)
      } catch (error) {
        if (isReply(error) || performance.now() > end) throw failure(error)
      }
    }
  }

  return {
    write,
    add,

    copied: async () => {
      if (replication) await write(() => replication.copied())
    },

    read,

    scan: (pattern, step) =>
      read(async () => {
        const nodes = masters()
        // of a cluster that is away none is known
        if (nodes.length === 0) throw new StoreUnavailableError()
        return scanKeys(nodes, pattern, step)
      }),

    ping: async () => {
      // Of a cluster one would go to any node. Those that are being connected to are waited for.
      const masters = redis instanceof Cluster && redis.status === 'ready' ? redis.nodes('master') : []
      if (masters.length === 0) await read(() => redis.ping())
      else await write(() => Promise.all(masters.map((node) => node.ping())))
    },

    close: () => {
      replication?.close()
      return closeClient(redis)
    },
  }
}
