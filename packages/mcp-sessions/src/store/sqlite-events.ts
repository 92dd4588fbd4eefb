// The log of a session's events, in SQLite.

import type { SqliteDatabase } from '@gatehouse/service'
import {
  type Clock,
  ownStream,
  type Position,
  type SessionKey,
  type SessionLimits,
  type StreamRead,
} from './contract.ts'
import { readBatch } from './limits.ts'

export interface SqliteEventsOptions {
  readonly database: SqliteDatabase
  readonly limits: SessionLimits
  /** Of this process: streams of another one are abandoned, since there is only one at a time. */
  readonly producer: string
  readonly clock: Clock
}

interface StreamRow {
  readonly producer: string | null
  readonly opening: Uint8Array | null
  readonly reader: string | null
  readonly last: number | null
  readonly gap: number | null
}

interface EventRow {
  readonly position: number
  readonly stream: string
  readonly value: Uint8Array | null
}

export function createSqliteEvents({ database, limits, producer, clock }: SqliteEventsOptions) {
  const isThere = database.prepare('SELECT bytes FROM sessions WHERE key = ? AND used_at > ?')
  const setBytes = database.prepare('UPDATE sessions SET bytes = ? WHERE key = ?')
  const selectStream = database.prepare('SELECT * FROM streams WHERE session = ? AND name = ?')
  const insertStream = database.prepare(
    'INSERT INTO streams (session, name, producer, opening) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const removeStream = database.prepare('DELETE FROM streams WHERE session = ? AND name = ? AND last = ?')
  const setLast = database.prepare('UPDATE streams SET last = ? WHERE session = ? AND name = ?')
  const setGap = database.prepare('UPDATE streams SET gap = ? WHERE session = ? AND name = ?')
  const setReader = database.prepare('UPDATE streams SET reader = ? WHERE session = ? AND name = ?')
  const insert = database.prepare('INSERT INTO events (session, stream, value, added_at) VALUES (?, ?, ?, ?)')
  const remove = database.prepare('DELETE FROM events WHERE position = ?')
  const oldest = database.prepare(
    'SELECT position, stream, length(value) AS length, added_at FROM events WHERE session = ? ORDER BY position LIMIT 1',
  )
  const count = database.prepare('SELECT count(*) AS count FROM events WHERE session = ?')
  const named = database.prepare('SELECT stream FROM events WHERE session = ? AND position = ?')
  const end = database.prepare('SELECT max(position) AS position FROM events WHERE session = ?')
  const after = database.prepare(
    `SELECT position, stream, value FROM events WHERE session = ? AND position > ? ORDER BY position LIMIT ${readBatch}`,
  )

  const bytesOf = (session: SessionKey): number | undefined =>
    (isThere.get(session, clock() - limits.idle) as { bytes: number } | undefined)?.bytes
  const streamOf = (session: SessionKey, stream: string): StreamRow | undefined =>
    selectStream.get(session, stream) as StreamRow | undefined

  /** Removes the oldest events until what is left is within the limits; the newest one stays. */
  function trim(session: SessionKey, bytes: number): void {
    let [left, rest] = [(count.get(session) as { count: number }).count, bytes]
    for (; left > 1; left -= 1) {
      const event = oldest.get(session) as { position: number; stream: string; length: number | null; added_at: number }
      const isOld = event.added_at <= clock() - limits.eventLife
      if (left <= limits.events && rest <= limits.bytes && !isOld) break
      remove.run(event.position)
      rest -= event.length ?? 0
      const ended = removeStream.run(session, event.stream, event.position).changes === 1
      if (!ended) setGap.run(event.position, session, event.stream)
    }
    setBytes.run(rest, session)
  }

  return {
    start: (session: SessionKey, stream: string, opening: Uint8Array): boolean =>
      database.write(() => {
        if (bytesOf(session) === undefined) return false
        insertStream.run(session, stream, producer, opening)
        return true
      }),

    append: (session: SessionKey, stream: string, value: Uint8Array, last: boolean): Position | undefined =>
      database.write(() => {
        const bytes = bytesOf(session)
        if (bytes === undefined || (streamOf(session, stream)?.last ?? null) !== null) return undefined
        const isTooLarge = value.length > limits.eventBytes
        const { lastInsertRowid } = insert.run(session, stream, isTooLarge ? null : value, clock())
        const position = Number(lastInsertRowid)
        if (last) setLast.run(position, session, stream)
        trim(session, isTooLarge ? bytes : bytes + value.length)
        return toPosition(position)
      }),

    claim: (session: SessionKey, stream: string, reader: string, mark: boolean): Position | undefined =>
      database.write(() => {
        if (bytesOf(session) === undefined) return undefined
        setReader.run(reader, session, stream)
        if (mark) insert.run(session, stream, new Uint8Array(), clock())
        return toPosition((end.get(session) as { position: number | null }).position ?? 0)
      }),

    read: (session: SessionKey, stream: string, from: Position, isEvent: boolean): StreamRead =>
      database.read(() => {
        if (bytesOf(session) === undefined) return { kind: 'gone' }
        const row = streamOf(session, stream)
        const position = fromPosition(from)
        if (!row || (row.gap !== null && position < row.gap)) return { kind: 'lost' }
        if (isEvent && position !== row.gap) {
          const event = named.get(session, position) as { stream: string } | undefined
          if (event?.stream !== stream) return { kind: 'lost' }
        }
        const rows = after.all(session, position) as unknown as EventRow[]
        const ours = rows.filter((event) => event.stream === stream)
        if (ours.some(({ value }) => value === null)) return { kind: 'lost' }
        const more = rows.length === readBatch
        const isAbandoned = stream !== ownStream && row.producer !== producer
        return {
          kind: 'events',
          events: ours.flatMap((event) =>
            event.value && event.value.length > 0 ? [{ position: toPosition(event.position), value: event.value }] : [],
          ),
          cursor: toPosition(rows.at(-1)?.position ?? position),
          more,
          state: row.last !== null && !more ? 'ended' : isAbandoned && !more ? 'abandoned' : 'open',
          reader: row.reader ?? undefined,
          opening: row.opening ?? undefined,
        }
      }),
  }
}

function toPosition(rowid: number): Position {
  return `${rowid}-0`
}

/** One that is not ours (`1-1`) is no row. */
function fromPosition(position: Position): number {
  const [rowid = '', rest] = position.split('-')
  return rest === '0' ? Number(rowid) : -1
}
