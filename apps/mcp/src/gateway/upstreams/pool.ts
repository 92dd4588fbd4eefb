// Connections of one upstream, one for each owner: opened once for all who wait for it, closed when nobody needed it for a
// while, and bounded in number.
import type { Clock } from '../catalog/contract.ts'
import { UpstreamError } from './contract.ts'

/** What a pool keeps. `onclose` is the pool's to set: to be called when it ended by itself. */
export interface Pooled {
  close(): Promise<void>
  onclose?: (() => void) | undefined
}

export interface PoolOptions<C extends Pooled> {
  /** Of the upstream, for errors. */
  readonly name: string
  /** Connections at once. */
  readonly max: number
  /** Milliseconds without a request, and in all. */
  readonly idle: number
  readonly lifetime: number
  /** Opens one for an owner. */
  open(key: string): Promise<C>
  readonly clock: Clock
}

export interface Pool<C extends Pooled> {
  /**
   * Lends the connection of an owner. Throws {@link UpstreamError}: `busy` when as many as may be are in use, `unreachable`
   * for a while after one could not be opened. Nothing was opened then.
   */
  use<T>(key: string, run: (connection: C) => Promise<T>): Promise<T>
  /** Closes one that turned out to be of no use. */
  forget(connection: C): Promise<void>
  /** Those that are open, or about to be. */
  readonly size: number
  close(): Promise<void>
}

interface Entry<C> {
  readonly connection: Promise<C>
  opened: C | undefined
  users: number
  usedAt: number
  isOld: boolean
  stopIdle: () => void
  stopLife: () => void
}

/** Milliseconds of waiting after an attempt that failed, doubled with each. */
const firstPause = 1_000
const longestPause = 60_000

export function createPool<C extends Pooled>({ name, max, idle, lifetime, open, clock }: PoolOptions<C>): Pool<C> {
  const entries = new Map<string, Entry<C>>()
  let failures = 0
  let closedUntil = 0
  let isClosed = false

  function makeRoom(): void {
    if (entries.size < max) return
    const unused = [...entries].filter(([, { users }]) => users === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt)
    const [oldest] = unused
    if (!oldest)
      throw new UpstreamError(name, 'busy', `${name} has as many connections as it may have`, { retryAfter: 5 })
    void end(oldest[0], oldest[1])
  }

  function start(key: string): Entry<C> {
    const now = clock.now()
    if (now < closedUntil) {
      const retryAfter = Math.ceil((closedUntil - now) / 1000)
      throw new UpstreamError(name, 'unreachable', `${name} is unavailable`, { retryAfter })
    }
    makeRoom()
    const none = () => undefined
    const entry: Entry<C> = {
      connection: open(key),
      opened: undefined,
      users: 0,
      usedAt: now,
      isOld: false,
      stopIdle: none,
      stopLife: none,
    }
    entries.set(key, entry)
    entry.connection.then(
      (connection) => {
        failures = 0
        entry.opened = connection
        connection.onclose = () => drop(key, entry)
        entry.stopLife = clock.after(lifetime, () => {
          entry.isOld = true
          if (entries.get(key) === entry) entries.delete(key)
          if (entry.users === 0) void end(key, entry)
        })
        if (isClosed) void end(key, entry)
      },
      (error: unknown) => {
        drop(key, entry)
        // what one caller gave up says nothing about the upstream
        if (error instanceof UpstreamError && error.fault === 'busy') return
        failures += 1
        closedUntil = clock.now() + Math.min(firstPause * 2 ** (failures - 1), longestPause)
      },
    )
    return entry
  }

  function drop(key: string, entry: Entry<C>): void {
    entry.stopIdle()
    entry.stopLife()
    if (entries.get(key) === entry) entries.delete(key)
  }

  async function end(key: string, entry: Entry<C>): Promise<void> {
    drop(key, entry)
    const connection = await entry.connection.catch(() => undefined)
    await connection?.close()
  }

  return {
    async use(key, run) {
      if (isClosed) throw new UpstreamError(name, 'unreachable', 'The gateway is stopping')
      const entry = entries.get(key) ?? start(key)
      entry.users += 1
      entry.stopIdle()
      try {
        return await run(await entry.connection)
      } finally {
        entry.users -= 1
        entry.usedAt = clock.now()
        if (entry.users === 0 && entry.isOld) void end(key, entry)
        else if (entry.users === 0 && entries.get(key) === entry) {
          entry.stopIdle = clock.after(idle, () => void end(key, entry))
        }
      }
    },

    async forget(connection) {
      for (const [key, entry] of entries) if (entry.opened === connection) await end(key, entry)
    },

    get size() {
      return entries.size
    },

    async close() {
      isClosed = true
      await Promise.allSettled([...entries].map(([key, entry]) => end(key, entry)))
    },
  }
}
