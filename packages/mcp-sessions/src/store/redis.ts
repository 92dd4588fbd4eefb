// The store of any number of processes: one Redis (7 or later, or Valkey), with replicas or as a cluster. See redis-scripts.ts for its keys, and
// docs/adr/0006 for what may be read in them.

import { randomUUID } from 'node:crypto'
import { openRedisConnection, type RedisConnectionOptions } from '@gatehouse/service'
import type { Position, SessionKey, SessionLimits, SessionStore, StreamRead } from './contract.ts'
import { defaultLimits } from './limits.ts'
import { type ScriptedRedis, scripts } from './redis-scripts.ts'
import { createRedisSignals } from './redis-signals.ts'

export interface RedisStoreOptions extends RedisConnectionOptions {
  readonly limits?: Partial<SessionLimits> | undefined
  /** Begins the name of every key and channel. `mcp:` by default, which is what the Redis account is limited to. */
  readonly prefix?: string | undefined
  /** For tests alone: milliseconds by which the scripts take Redis's time to be later than it is. */
  readonly clockOffset?: (() => number) | undefined
}

/** For how long a process that says nothing counts as alive, and how often it says so. Milliseconds. */
const producerLife = 10_000
const producerBeat = 3_000

/** Returns at once, whether Redis is there or not: until it is, everything throws StoreUnavailableError. */
export function openRedisStore(options: RedisStoreOptions): SessionStore & AsyncDisposable {
  const { prefix = 'mcp:', clockOffset = () => 0 } = options
  const limits = { ...defaultLimits, ...options.limits }
  const connection = openRedisConnection<ScriptedRedis>(options, scripts)
  const signals = createRedisSignals({ ...options, prefix })
  const producer = randomUUID()

  // One slot for the two keys of a session.
  const keysOf = (session: SessionKey) => [`${prefix}{${session}}:meta`, `${prefix}{${session}}:log`] as const
  const ownerKey = (owner: string) => `${prefix}owner:${owner}`
  const producerKey = (name: string) => `${prefix}producer:${name}`
  const all = `${prefix}sessions`
  /** How old an index entry may grow before it is renewed: a fraction of what is judged by it. */
  const indexAge = Math.min(60_000, limits.evictable / 5, limits.idle / 5)

  let beatAt = Number.NEGATIVE_INFINITY
  async function beat(): Promise<void> {
    await connection.write((redis) => redis.set(producerKey(producer), '', 'PX', producerLife))
    beatAt = performance.now()
  }
  const beating = setInterval(() => void beat().catch(() => undefined), producerBeat).unref()

  async function isAlive(name: string): Promise<boolean> {
    if (name === producer) return true
    return (await connection.read((redis) => redis.exists(producerKey(name)))) === 1
  }

  async function forget(session: SessionKey, owner: string): Promise<void> {
    await connection.write((redis) => Promise.all([redis.zrem(ownerKey(owner), session), redis.zrem(all, session)]))
  }

  async function end(session: SessionKey): Promise<void> {
    const owner = await connection.write((redis) => redis.endSession(...keysOf(session), signals.channelOf(session)))
    if (owner !== null) await forget(session, owner)
  }

  const close = async (): Promise<void> => {
    clearInterval(beating)
    // What it was writing is known to be abandoned at once, rather than when its last word is forgotten.
    await connection.write((redis) => redis.del(producerKey(producer))).catch(() => undefined)
    await Promise.all([connection.close(), signals.close()])
  }

  return {
    shared: true,
    async open(session, owner, value) {
      const { idle, perOwner, total, evictable } = limits
      const [entered, evicted] = await connection.add(value.byteLength, (redis) =>
        redis.enterOwner(ownerKey(owner), clockOffset(), session, idle, perOwner, evictable),
      )
      if (entered === 0) return false
      if (evicted !== '') await end(evicted)
      const isWithin = await connection.write((redis) => redis.touchIndex(all, clockOffset(), session, idle, total))
      if (isWithin === 0) {
        await forget(session, owner)
        return false
      }
      await connection.write((redis) =>
        redis.openSession(...keysOf(session), clockOffset(), asBuffer(value), owner, idle),
      )
      return true
    },

    async use(session) {
      const { idle } = limits
      const found = await connection.write((redis) =>
        redis.useSessionBuffer(...keysOf(session), clockOffset(), idle, indexAge),
      )
      if (!found) return undefined
      const [value, owner, due] = found
      if (due === 1) {
        await connection.write((redis) =>
          Promise.all([
            redis.touchIndex(ownerKey(owner.toString()), clockOffset(), session, idle, ''),
            redis.touchIndex(all, clockOffset(), session, idle, ''),
          ]),
        )
      }
      return value
    },

    async replace(session, value) {
      await connection.write((redis) => redis.replaceSession(...keysOf(session), asBuffer(value)))
    },

    end,

    async start(session, stream, opening) {
      if (performance.now() - beatAt > 2 * producerBeat) await beat() // or the stream would count as abandoned
      const keys = keysOf(session)
      return (await connection.write((redis) => redis.startStream(...keys, stream, producer, asBuffer(opening)))) === 1
    },

    async append(session, stream, value, { last = false } = {}) {
      const { events, bytes, eventBytes, eventLife } = limits
      const position = await connection.add(value.byteLength, (redis) =>
        redis.appendEvent(
          ...keysOf(session),
          clockOffset(),
          signals.channelOf(session),
          stream,
          asBuffer(value),
          last ? 1 : 0,
          events,
          bytes,
          eventBytes,
          eventLife,
        ),
      )
      return position ?? undefined
    },

    async claim(session, stream, reader, { mark = false } = {}) {
      const channel = signals.channelOf(session)
      const position = await connection.write((redis) =>
        redis.claimStream(...keysOf(session), channel, stream, reader, mark ? 1 : 0),
      )
      return position ?? undefined
    },

    async read(session, stream, after, { isEvent = false } = {}) {
      const keys = keysOf(session)
      const answer = await connection.read((redis) => redis.readStreamBuffer(...keys, stream, after, isEvent ? 1 : 0))
      const [kind, cursor, full, last, writer, reader, opening, ...entries] = answer
      const name = text(kind)
      if (name === 'gone' || name === 'lost') return { kind: name }
      const events = pairs(entries as Buffer[])
      const more = full === 1
      const ended = text(last) !== '' && !more
      const idle = !ended && !more && events.length === 0 && text(writer) !== ''
      return {
        kind: 'events',
        events,
        cursor: text(cursor),
        more,
        state: ended ? 'ended' : idle && !(await isAlive(text(writer))) ? 'abandoned' : 'open',
        reader: text(reader) || undefined,
        opening: writer instanceof Buffer && writer.length > 0 ? (opening as Buffer) : undefined,
      } satisfies StreamRead
    },

    watch: signals.watch,
    mail: async (session, value) => {
      const message = Buffer.concat([Buffer.from('m'), value])
      await connection.write((redis) => redis.mailSession(...keysOf(session), signals.channelOf(session), message))
    },

    ping: () => connection.ping(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function text(value: Buffer | number | undefined): string {
  return value === undefined ? '' : value.toString()
}

function pairs(flat: readonly Buffer[]): { readonly position: Position; readonly value: Buffer }[] {
  const events: { position: Position; value: Buffer }[] = []
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [position, value] = [flat[i], flat[i + 1]]
    if (position && value) events.push({ position: position.toString(), value })
  }
  return events
}
