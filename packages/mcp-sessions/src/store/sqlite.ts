// The store of one machine: one SQLite file, held by one process. See docs/adr/0006 for what may be read in it.

import { randomUUID } from 'node:crypto'
import { openSqliteDatabase } from '@gatehouse/service'
import type { Clock, Listener, Position, SessionKey, SessionLimits, SessionStore, Signal } from './contract.ts'
import { ownStream } from './contract.ts'
import { defaultLimits } from './limits.ts'
import { createSqliteEvents } from './sqlite-events.ts'
import { migrations } from './sqlite-schema.ts'

export interface SqliteStoreOptions {
  /** A file, which is created (0600) together with its directory (0700), or `:memory:`. */
  readonly path: string
  readonly clock?: Clock | undefined
  readonly limits?: Partial<SessionLimits> | undefined
}

/** Expired sessions are removed with other writes, this often (in milliseconds) and so many at once. */
const sweepInterval = 10_000
const sweepBatch = 100

/** Throws {@link ConfigError} if another process has the file, or it cannot be opened, or is of a newer release. */
export function openSqliteStore(options: SqliteStoreOptions): SessionStore & AsyncDisposable {
  const { clock = Date.now } = options
  const limits = { ...defaultLimits, ...options.limits }
  // NORMAL: a power cut may cost the last sessions, which begin again.
  const database = openSqliteDatabase({ path: options.path, migrations, synchronous: 'NORMAL' })
  const listeners = new Map<SessionKey, Set<Listener>>()
  const tell = (session: SessionKey, signal: Signal): void => {
    // Not within the call that causes it, as it would be with another process in between.
    setImmediate(() => {
      for (const listener of listeners.get(session) ?? []) listener(signal)
    })
  }
  const events = createSqliteEvents({ database, limits, producer: randomUUID(), clock })

  const select = database.prepare('SELECT value, used_at FROM sessions WHERE key = ? AND used_at > ?')
  const touch = database.prepare('UPDATE sessions SET used_at = ? WHERE key = ?')
  const replace = database.prepare('UPDATE sessions SET value = ? WHERE key = ? AND used_at > ?')
  const insert = database.prepare('INSERT INTO sessions (key, owner, value, used_at) VALUES (?, ?, ?, ?)')
  const remove = database.prepare('DELETE FROM sessions WHERE key = ?')
  const count = database.prepare('SELECT count(*) AS count FROM sessions WHERE used_at > ?')
  const countOwned = database.prepare('SELECT count(*) AS count FROM sessions WHERE owner = ? AND used_at > ?')
  const oldest = database.prepare('SELECT key, used_at FROM sessions WHERE owner = ? AND used_at > ? ORDER BY used_at')
  const insertOwn = database.prepare('INSERT INTO streams (session, name) VALUES (?, ?)')
  const expired = database.prepare(`SELECT key FROM sessions WHERE used_at <= ? LIMIT ${sweepBatch}`)
  const ping = database.prepare('SELECT 1')

  let nextSweep = 0
  function sweep(now: number): void {
    if (now < nextSweep) return
    nextSweep = now + sweepInterval
    for (const { key } of expired.all(now - limits.idle) as { key: string }[]) {
      remove.run(key)
      tell(key, { kind: 'ended' })
    }
  }
  const numberOf = (row: unknown): number => (row as { count: number }).count

  const close = async (): Promise<void> => database.close()

  return {
    shared: false,
    async open(session, owner, value) {
      return database.write(() => {
        const now = clock()
        const since = now - limits.idle
        sweep(now)
        if (numberOf(countOwned.get(owner, since)) >= limits.perOwner) {
          const evicted = oldest.get(owner, since) as { key: string; used_at: number } | undefined
          if (!evicted || evicted.used_at > now - limits.evictable) return false
          remove.run(evicted.key)
          tell(evicted.key, { kind: 'ended' })
        }
        if (numberOf(count.get(since)) >= limits.total) return false
        remove.run(session)
        insert.run(session, owner, value, now)
        insertOwn.run(session, ownStream)
        return true
      })
    },

    async use(session) {
      return database.write(() => {
        const now = clock()
        sweep(now)
        const row = select.get(session, now - limits.idle) as { value: Uint8Array; used_at: number } | undefined
        if (row) touch.run(now, session)
        return row?.value
      })
    },

    async replace(session, value) {
      database.write(() => replace.run(value, session, clock() - limits.idle))
    },

    async end(session) {
      database.write(() => remove.run(session))
      tell(session, { kind: 'ended' })
    },

    start: async (session, stream, opening) => events.start(session, stream, opening),

    async append(session, stream, value, { last = false } = {}): Promise<Position | undefined> {
      const position = events.append(session, stream, value, last)
      if (position !== undefined) tell(session, { kind: 'changed' })
      return position
    },

    async claim(session, stream, reader, { mark = false } = {}) {
      const position = events.claim(session, stream, reader, mark)
      if (position !== undefined) tell(session, { kind: 'changed' })
      return position
    },

    read: async (session, stream, after, { isEvent = false } = {}) => events.read(session, stream, after, isEvent),

    async watch(session, listener) {
      const known = listeners.get(session) ?? new Set()
      listeners.set(session, known.add(listener))
      return () => {
        known.delete(listener)
        if (known.size === 0 && listeners.get(session) === known) listeners.delete(session)
      }
    },

    async mail(session, value) {
      tell(session, { kind: 'mail', value })
    },

    ping: async () => void database.read(() => ping.get()),
    close,
    [Symbol.asyncDispose]: close,
  }
}
