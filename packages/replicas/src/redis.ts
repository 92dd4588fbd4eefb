// Replicas that know one another by one Redis, whatever kind of it.
import { randomUUID } from 'node:crypto'
import {
  type OnTrouble,
  openRedisChannels,
  openRedisConnection,
  type RedisConnectionOptions,
  type RedisTarget,
  redisTroubles,
  StoreUnavailableError,
} from '@gatehouse/service'
import {
  largestMail,
  leaseLife,
  type Mail,
  mostMail,
  ReplicaBusyError,
  ReplicaGoneError,
  type ReplicaName,
  type Replicas,
} from './contract.ts'
import { type ScriptedRedis, scripts } from './redis-scripts.ts'

export interface RedisReplicasOptions extends RedisConnectionOptions {
  /** Begins the name of every key and channel. `mcp:` by default, which is what the Redis account is limited to. */
  readonly prefix?: string | undefined
  /** For tests alone: milliseconds of the life of a replica that says nothing. */
  readonly life?: number | undefined
}

/** A replica that says nothing for so long is gone, and how much earlier it has to know that itself. Milliseconds. */
const silentLife = 10_000
const margin = 1_000
/** Mail that nobody reads is forgotten with its reader. */
const inboxLife = 60_000
/** How often an inbox is looked into without a word, and how much of it at once. */
const lookAgain = 1_000
const atOnce = 16

/** Returns at once, whether Redis is there or not: until it is, everything throws {@link StoreUnavailableError}. */
export function openRedisReplicas(options: RedisReplicasOptions): Replicas & AsyncDisposable {
  const { prefix = 'mcp:', life = silentLife } = options
  const connection = openRedisConnection<ScriptedRedis>(options, scripts)
  const common = `${prefix}{replicas}:`
  const keys = {
    aliveFrom: `${common}alive:`,
    alive: (name: string) => `${common}alive:${name}`,
    lease: (key: string) => `${common}lease:${key}`,
    inbox: (name: string) => `${common}inbox:${name}`,
    bytes: (name: string) => `${common}bytes:${name}`,
    fence: `${common}fence`,
    value: (key: string) => `${prefix}value:${key}`,
  }
  const lost = new Set<() => void>()
  let self: ReplicaName = randomUUID()
  /** Whether Redis knows us, and since when for certain: by two clocks, of which each may stand still for a while. */
  let known: { readonly ticks: number; readonly time: number } | undefined
  let isClosed = false
  let beating: Promise<void> | undefined

  const instant = () => ({ ticks: performance.now(), time: Date.now() })
  const silentFor = () =>
    known ? Math.max(performance.now() - known.ticks, Date.now() - known.time) : Number.POSITIVE_INFINITY
  const isSure = () => silentFor() < life - margin

  async function beatOnce(): Promise<void> {
    const begun = instant()
    if (known && (await connection.write((redis) => redis.stayAlive(keys.alive(self), life))) === 1) {
      known = begun
      return
    }
    if (known) loseAll()
    const name = self
    await connection.write((redis) => redis.set(keys.alive(name), '', 'PX', life))
    known = begun
    listenTo(name)
  }

  /** All who wait for it share one. */
  function beat(): Promise<void> {
    beating ??= beatOnce().finally(() => {
      beating = undefined
    })
    return beating
  }

  function loseAll(): void {
    channels.unsubscribe(channelOf(self))
    self = randomUUID()
    known = undefined
    cursor = '0-0'
    for (const tell of lost) tell()
  }

  const rhythm = setInterval(() => {
    if (!isClosed) beat().catch(() => undefined)
  }, life / 4).unref()

  /** Before anything is said in our name. */
  async function requireName(): Promise<ReplicaName> {
    if (isClosed) throw new StoreUnavailableError(new Error('closed'))
    if (!isSure()) await beat()
    return self
  }

  // Mail: where one has read to goes with the next look, so that nothing is lost where an answer of Redis is.
  let cursor = '0-0'
  let listener: ((mail: Mail) => void) | undefined
  let isLooking = false
  let isNews = false
  const channelOf = (name: string) => `${common}mail:${name}`
  const channels = openRedisChannels({ ...options, onMessage: () => void look(), onResumed: () => void look() })
  const looking = setInterval(() => void look(), lookAgain).unref()

  function listenTo(name: ReplicaName): void {
    channels.subscribe(channelOf(name)).then(() => look())
  }

  async function look(): Promise<void> {
    isNews = true
    if (isLooking || isClosed || !listener || !known) return
    isLooking = true
    try {
      while (isNews && !isClosed) {
        isNews = false
        if (await takeSome()) isNews = true
      }
    } catch {
      // it is looked again in a second
    } finally {
      isLooking = false
    }
  }

  async function takeSome(): Promise<boolean> {
    const name = self
    const [time, ...flat] = await connection.write((redis) =>
      redis.takeMailBuffer(keys.inbox(name), keys.bytes(name), cursor, atOnce),
    )
    for (let at = 0; at + 2 < flat.length && name === self; at += 3) {
      const [position = '', from = ''] = [flat[at]?.toString(), flat[at + 1]?.toString()]
      cursor = position
      listener?.({ from, value: flat[at + 2] as Buffer, age: Number(time) - Number.parseInt(position, 10) })
    }
    return flat.length > 0
  }

  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    clearInterval(rhythm)
    clearInterval(looking)
    // Others need not wait until our silence is long enough: who is not alive holds nothing.
    const names = [keys.alive(self), keys.inbox(self), keys.bytes(self)]
    await connection.write((redis) => redis.del(...names)).catch(() => undefined)
    await Promise.all([connection.close(), channels.close()])
  }

  return {
    get self() {
      return self
    },

    isSure,

    async claim(key) {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const name = await requireName()
        const [holder, fence] = await connection.write((redis) =>
          redis.claimLease(keys.lease(key), keys.fence, keys.alive(name), name, keys.aliveFrom, leaseLife),
        )
        if (holder !== '') return { holder, fence: Number(fence) }
        await beat() // we were forgotten, and learn of it now
      }
      throw new StoreUnavailableError(new Error('Redis forgets us'))
    },

    async renew(held) {
      const name = self
      for (const key of held) await connection.write((redis) => redis.renewLease(keys.lease(key), name, leaseLife))
    },

    async release(key) {
      const name = self
      await connection.write((redis) => redis.releaseLease(keys.lease(key), name))
    },

    onLost(tell) {
      lost.add(tell)
      return () => void lost.delete(tell)
    },

    async isAlive(replica) {
      return (await connection.read((redis) => redis.exists(keys.alive(replica)))) === 1
    },

    async send(to, value) {
      if (value.byteLength > largestMail) throw new RangeError('a mail is too large')
      const name = await requireName()
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      const sent = await connection.add(bytes.length, (redis) =>
        redis.sendMail(keys.alive(to), keys.inbox(to), keys.bytes(to), name, bytes, mostMail, inboxLife, channelOf(to)),
      )
      if (sent === 'gone') throw new ReplicaGoneError()
      if (sent === 'busy') throw new ReplicaBusyError()
    },

    onMail(hear) {
      listener = hear
      void look()
    },

    async get(key) {
      return (await connection.read((redis) => redis.getBuffer(keys.value(key)))) ?? undefined
    },

    async put(key, value, valueLife) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      await connection.add(bytes.length, (redis) => redis.set(keys.value(key), bytes, 'PX', Math.ceil(valueLife)))
    },

    async remove(key) {
      await connection.write((redis) => redis.del(keys.value(key)))
    },

    close,
    [Symbol.asyncDispose]: close,
  }
}

/** As a service has it. */
export function openReplicas(redis: RedisTarget, onTrouble: OnTrouble): Replicas {
  return openRedisReplicas({ connection: redis, ...redisTroubles(onTrouble) })
}
