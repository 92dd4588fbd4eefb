// Connections to one upstream by owner: opened once for all who ask at the same time, closed when unused or old, so many at
// once. What a connection is, and who may share one, is the caller's affair: the key says it.
import type { Clock } from '../catalog/contract.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { UpstreamError } from './contract.ts'
import { createSlots } from './slots.ts'

export interface Pooled {
  /** May be called more than once. Resolves when nothing of it is left. */
  close(): Promise<void>
  /** Called by the connection when it has ended by itself. The pool sets it, and calls what was there before. */
  onclose?: (() => void) | undefined
}

export interface PoolOptions<C> {
  /** Names the upstream in errors. */
  readonly name: string
  readonly open: (key: string) => Promise<C>
  /** Connections at once, those that are being closed included. */
  readonly max: number
  /** Milliseconds without a request after which a connection is closed. */
  readonly idle: number
  /** Milliseconds in all after which a connection is lent no more, and closed once no request is under way. */
  readonly lifetime: number
  readonly clock: Clock
  /** Hears what went wrong at closing. */
  readonly onerror: (error: Error) => void
}

export interface Pool<C> {
  /**
   * Runs `work` with the connection of `key`, which is kept open meanwhile. Rejects with an {@link UpstreamError} `busy` when
   * all that may be open are in use, `unreachable` while a failure is too recent, what `open` and `work` reject with otherwise.
   *
   * Does NOT end `work` when its connection ends: that is the connection's to do.
   */
  use<T>(key: string, work: (connection: C) => Promise<T>): Promise<T>
  /** Closes it, and the next who asks gets another at once: its session was lost, and that is no failure. */
  forget(connection: C): Promise<void>
  /** Those that are open, being opened, or old and still in use. */
  readonly size: number
  /** Ends all, what is being opened included. */
  close(): Promise<void>
}

interface Entry<C> {
  readonly key: string
  readonly opening: Promise<C>
  connection: C | undefined
  users: number
  openedAt: number
  usedAt: number
  cancelTimer: () => void
  cancelLife: () => void
}

/** Beyond this a timer of Node's runs at once. */
const longestTimer = 2 ** 31 - 1

export function createPool<C extends Pooled>(options: PoolOptions<C>): Pool<C> {
  const { name, open, max, idle, lifetime, clock, onerror } = options
  const entries = new Map<string, Entry<C>>()
  /** Too old to be lent, and still in use. */
  const old = new Set<Entry<C>>()
  const endings = new Set<Promise<void>>()
  const slots = createSlots(max)
  const backoff = createBackoff(clock.now)
  /** For what fails one owner alone: a refused credential, a connection that ended by itself. */
  const backoffs = new Map<string, Backoff>()
  let isClosed = false

  function entryFor(key: string): Entry<C> {
    if (isClosed) throw shutDown()
    const known = entries.get(key)
    if (known) return known
    const wait = Math.max(backoff.remaining(), backoffs.get(key)?.remaining() ?? 0)
    if (wait > 0) {
      const retryAfter = Math.ceil(wait / 1_000)
      throw new UpstreamError(name, 'unreachable', `${name} is unavailable, try again in ${retryAfter} s`, {
        retryAfter,
      })
    }
    if (entries.size + old.size >= max) makeRoom()
    const now = clock.now()
    const entry: Entry<C> = {
      key,
      opening: Promise.resolve().then(() => openFor(entry)),
      connection: undefined,
      users: 0,
      openedAt: now,
      usedAt: now,
      cancelTimer: () => undefined,
      cancelLife: () => undefined,
    }
    entries.set(key, entry)
    return entry
  }

  const shutDown = () => new UpstreamError(name, 'unreachable', `${name} is being shut down`)

  function makeRoom(): void {
    const unused = [...entries.values()].filter(({ users, connection }) => users === 0 && connection)
    const longest = unused.toSorted((a, b) => a.usedAt - b.usedAt)[0]
    if (!longest) {
      const message = `${name} has as many connections in use as it may have (${max}), try again later`
      throw new UpstreamError(name, 'busy', message, { retryAfter: 1 })
    }
    void end(longest)
  }

  async function openFor(entry: Entry<C>): Promise<C> {
    await slots.take()
    if (!isKept(entry)) {
      slots.give()
      throw shutDown()
    }
    try {
      const connection = await open(entry.key)
      entry.connection = connection
      entry.openedAt = clock.now()
      entry.cancelLife = clock.after(Math.min(lifetime, longestTimer), () => grewOld(entry))
      const before = connection.onclose
      connection.onclose = () => {
        if (isKept(entry)) {
          backoffOf(entry.key).failed()
          void end(entry)
        }
        before?.call(connection)
      }
      backoff.succeeded()
      return connection
    } catch (error) {
      slots.give()
      remove(entry)
      count(error, entry.key)
      throw error
    }
  }

  function count(error: unknown, key: string): void {
    const fault = error instanceof UpstreamError ? error.fault : undefined
    if (fault === 'busy') return
    const counted = fault === 'unauthorized' ? backoffOf(key) : backoff
    counted.failed()
  }

  function backoffOf(key: string): Backoff {
    for (const [other, { isOver }] of backoffs) if (isOver()) backoffs.delete(other)
    const known = backoffs.get(key) ?? createBackoff(clock.now)
    backoffs.set(key, known)
    return known
  }

  const isKept = (entry: Entry<C>) => entries.get(entry.key) === entry || old.has(entry)

  /** Returns whether it was there. */
  function remove(entry: Entry<C>): boolean {
    if (entries.get(entry.key) === entry) return entries.delete(entry.key)
    return old.delete(entry)
  }

  /** Its slot is free only when nothing of it is left. */
  function end(entry: Entry<C>): Promise<void> {
    if (!remove(entry)) return Promise.resolve()
    entry.cancelTimer()
    entry.cancelLife()
    const { connection } = entry
    // what is still being opened is closed once it is; where that fails, there is nothing to close
    const closing = connection ? shut(connection) : entry.opening.then(shut, () => undefined)
    const ending = closing.finally(() => endings.delete(ending))
    endings.add(ending)
    return ending
  }

  const shut = (connection: C) => connection.close().catch(onerror).finally(slots.give)

  function release(entry: Entry<C>): void {
    entry.users -= 1
    entry.usedAt = clock.now()
    if (entry.users > 0 || !entry.connection) return
    if (old.has(entry)) void end(entry)
    else endWhenIdle(entry)
  }

  function endWhenIdle(entry: Entry<C>): void {
    if (entries.get(entry.key) !== entry) return
    const rest = entry.usedAt + idle - clock.now()
    if (rest <= 0) void end(entry)
    else entry.cancelTimer = clock.after(Math.min(rest, longestTimer), () => endWhenIdle(entry))
  }

  function grewOld(entry: Entry<C>): void {
    if (!isKept(entry)) return
    const rest = entry.openedAt + lifetime - clock.now()
    if (rest > 0) entry.cancelLife = clock.after(Math.min(rest, longestTimer), () => grewOld(entry))
    else if (entry.users === 0) void end(entry)
    else {
      remove(entry)
      old.add(entry)
    }
  }

  return {
    async use(key, work) {
      const entry = entryFor(key)
      entry.users += 1
      entry.cancelTimer()
      try {
        const result = await work(await entry.opening)
        backoffs.delete(key)
        return result
      } finally {
        release(entry)
      }
    },

    async forget(connection) {
      for (const entry of [...entries.values(), ...old]) if (entry.connection === connection) return end(entry)
    },

    get size() {
      return entries.size + old.size
    },

    async close() {
      isClosed = true
      for (const entry of [...entries.values(), ...old]) void end(entry)
      await Promise.all(endings)
    },
  }
}
