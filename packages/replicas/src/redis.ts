// Replicas that know one another by one Redis, whatever kind of it.
import {
  type OnTrouble,
  openRedisConnection,
  type RedisConnectionOptions,
  redisTroubles,
  type StoreChoice,
  StoreUnavailableError,
} from '@gatehouse/service'
import { leaseLife, type ReplicaName, type Replicas } from './contract.ts'
import { createHeartbeat } from './heartbeat.ts'
import { createRedisMail } from './redis-mail.ts'
import { type ScriptedRedis, scripts } from './redis-scripts.ts'

export interface RedisReplicasOptions extends RedisConnectionOptions {
  /** Begins the name of every key and channel. `mcp:` by default, which is what the Redis account is limited to. */
  readonly prefix?: string | undefined
  /** For tests alone: milliseconds of the life of a replica that says nothing. */
  readonly life?: number | undefined
}

/** Milliseconds after which a replica that says nothing is gone. */
const silentLife = 10_000
/** Bytes that a count takes at Redis, about. */
const countSize = 150

/** Returns at once, whether Redis is there or not: until it is, everything throws {@link StoreUnavailableError}. */
export function openRedisReplicas(options: RedisReplicasOptions): Replicas & AsyncDisposable {
  const { prefix = 'mcp:', life = silentLife } = options
  const redis = openRedisConnection<ScriptedRedis>({ ...options, mark: `${prefix}{replicas}:mark` }, scripts)
  const common = `${prefix}{replicas}:`
  const keys = {
    aliveFrom: `${common}alive:`,
    alive: (name: ReplicaName) => `${common}alive:${name}`,
    lease: (key: string) => `${common}lease:${key}`,
    inbox: (name: ReplicaName) => `${common}inbox:${name}`,
    bytes: (name: ReplicaName) => `${common}bytes:${name}`,
    last: (name: ReplicaName) => `${common}last:${name}`,
    fence: `${common}fence`,
    value: (key: string) => `${prefix}value:${key}`,
    decision: (question: string) => `${prefix}decision:${question}`,
    count: (key: string) => `${prefix}count:${key}`,
  }
  const heartbeat = createHeartbeat({
    life,
    announce: async (name) => void (await redis.write((commands) => commands.set(keys.alive(name), '', 'PX', life))),
    renew: async (name) => (await redis.write((commands) => commands.stayAlive(keys.alive(name), life))) === 1,
    onName: (name) => mail.listenAs(name),
  })
  const mail = createRedisMail({ ...options, redis, heartbeat, keys, channelOf: (name) => `${common}mail:${name}` })

  let closing: Promise<unknown> | undefined
  const close = async (): Promise<void> => {
    closing ??= end()
    await closing
  }
  async function end(): Promise<void> {
    await heartbeat.stop()
    // Others need not wait until our silence is long enough: who is not alive holds nothing.
    const { self } = heartbeat
    const own = [keys.alive(self), keys.inbox(self), keys.bytes(self), keys.last(self)]
    await redis.write((commands) => commands.del(...own)).catch(() => undefined)
    await Promise.all([redis.close(), mail.close()])
  }

  return {
    get self() {
      return heartbeat.self
    },

    isSure: heartbeat.isSure,

    async claim(key) {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const name = await heartbeat.requireName()
        const [holder, fence] = await redis.write((commands) =>
          commands.claimLease(keys.lease(key), keys.fence, keys.alive(name), name, keys.aliveFrom, leaseLife),
        )
        if (holder === name) await redis.copied() // or a failover would give it to another one
        if (holder !== '') return { holder, fence: Number(fence) }
        await heartbeat.doubt() // we were forgotten, and learn of it now
      }
      throw new StoreUnavailableError(new Error('Redis forgets us'))
    },

    async renew(held) {
      const name = heartbeat.self
      const lost: string[] = []
      for (const key of held) {
        const isOurs = await redis.write((commands) => commands.renewLease(keys.lease(key), name, leaseLife))
        if (isOurs === 0) lost.push(key)
      }
      return lost
    },

    async release(key, fence) {
      const name = heartbeat.self
      await redis.write((commands) => commands.releaseLease(keys.lease(key), name, fence))
    },

    onLost: heartbeat.onLost,

    async isAlive(replica) {
      return (await redis.read((commands) => commands.exists(keys.alive(replica)))) === 1
    },

    send: mail.send,
    onMail: mail.onMail,

    async decide(question, answer, forSoLong) {
      const first = await redis.write((commands) => commands.decide(keys.decision(question), answer, forSoLong))
      await redis.copied()
      return first
    },

    async forget(question) {
      await redis.write((commands) => commands.del(keys.decision(question)))
    },

    async get(key) {
      return (await redis.read((commands) => commands.getBuffer(keys.value(key)))) ?? undefined
    },

    async put(key, value, valueLife) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      await redis.add(bytes.length, (commands) => commands.set(keys.value(key), bytes, 'PX', Math.ceil(valueLife)))
    },

    async remove(key) {
      await redis.write((commands) => commands.del(keys.value(key)))
    },

    async take(key, limit, window) {
      const length = Math.ceil(window)
      const [allowed, rest] = await redis.add(countSize, (commands) =>
        commands.takeAttempt(keys.count(key), limit, length),
      )
      return { allowed: allowed === 1, retryAfter: Math.max(1, rest) }
    },

    async giveBack(key) {
      await redis.write((commands) => commands.giveBackAttempt(keys.count(key)))
    },

    close,
    [Symbol.asyncDispose]: close,
  }
}

/** As a service has it. */
export function openReplicas(store: StoreChoice, onTrouble: OnTrouble): Replicas | undefined {
  switch (store.kind) {
    case 'sqlite':
      return undefined
    case 'redis':
      return openRedisReplicas({ connection: store.target, ...redisTroubles(onTrouble) })
  }
}
