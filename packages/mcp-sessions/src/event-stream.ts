// GET in a session (2025-11-25, Transports): the session's own stream, or the rest of a request's, no matter who writes it. All
// that is sent comes out of the store, so it makes no difference on which replica a client comes back.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { JSONRPCMessage } from '@modelcontextprotocol/server'
import { formatEventId, parseEventId } from './event-id.ts'
import { retryInterval } from './exchange.ts'
import { eventKind, failure, type Opening, openingKind } from './recorder.ts'
import type { Session } from './sessions.ts'
import { ownStream, type Position, type SessionStore, type StoredEvent } from './store/contract.ts'

export interface Place {
  readonly stream: string
  readonly position: Position
  readonly reader: string
}

export const keepAliveComment = ': keepalive\n\n'
/** As the SDK's own streams have them. */
export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const
/** Milliseconds between two looks without being told. */
const lookAgain = 5_000

/**
 * Where to read from. `gone`: the session ended meanwhile. `lost`: there is no such event in it, or what came after it
 * was not kept, which is said rather than passed over. `over`: it was the last one.
 */
export async function findPlace(
  store: SessionStore,
  session: Session,
  lastEventId: string | undefined,
): Promise<Place | 'gone' | 'lost' | 'over'> {
  const reader = randomUUID()
  if (lastEventId === undefined) {
    const position = await store.claim(session.key, ownStream, reader, { mark: true })
    return position === undefined ? 'gone' : { stream: ownStream, position, reader }
  }
  const place = parseEventId(lastEventId)
  if (!place) return 'lost'
  const read = await store.read(session.key, place.stream, place.position, { isEvent: true })
  if (read.kind !== 'events') return read.kind
  if (read.state === 'ended' && read.events.length === 0 && !read.more) return 'over'
  const claimed = await store.claim(session.key, place.stream, reader)
  return claimed === undefined ? 'gone' : { ...place, reader }
}

/** Where events are sent to. */
export interface Destination {
  readonly response: ServerResponse
  /** Writes to it: `full` means that one should wait for 'drain', `ended` that its connection is gone. */
  readonly write: (text: string) => 'ok' | 'full' | 'ended'
  /** Ends the stream; what is not sent by then can be resumed. */
  readonly signal: AbortSignal
}

export interface EventStreamOptions extends Destination {
  readonly store: SessionStore
  readonly session: Session
  readonly place: Place
  /** Milliseconds between two comments that keep a silent connection open. */
  readonly keepAlive: number
  /** Whether the client understands an event without data. */
  readonly primes: boolean
}

/** Sends until the stream ends, another reader takes over, the client leaves, or `signal`. Ends the response. */
export async function sendEvents({
  store,
  session,
  place,
  response,
  write: writeUnwaited,
  keepAlive,
  signal,
  primes,
}: EventStreamOptions): Promise<void> {
  const { stream, reader } = place
  const left = new AbortController()
  response.on('close', () => left.abort())
  const stop = AbortSignal.any([signal, left.signal])
  let woken = Promise.withResolvers<void>()
  stop.addEventListener('abort', () => woken.resolve())

  /** Whether the client keeps up. */
  const write = (text: string): boolean => stop.aborted || writeUnwaited(text) === 'ok'
  const keptUp = async (): Promise<void> => {
    if (!stop.aborted && response.writableNeedDrain) await once(response, 'drain', { signal: stop })
  }
  const unwatch = await store.watch(session.key, () => woken.resolve())
  const beating = setInterval(() => write(keepAliveComment), keepAlive)
  const looking = setInterval(() => woken.resolve(), lookAgain)
  try {
    response.writeHead(200, { ...streamHeaders, 'mcp-session-id': session.id })
    response.flushHeaders()
    if (primes) write(`id: ${formatEventId(stream, place.position)}\nretry: ${retryInterval}\ndata: \n\n`)
    let cursor = place.position
    while (!stop.aborted) {
      await keptUp()
      woken = Promise.withResolvers<void>()
      const read = await store.read(session.key, stream, cursor)
      if (read.kind !== 'events' || read.reader !== reader) return
      const held = read.events.find((event) => !write(format(session, stream, event)))
      if (held) {
        // The rest is read once more when there is room for it, so that nobody who does not read holds a whole log.
        cursor = held.position
        continue
      }
      cursor = read.cursor
      if (read.state === 'ended') return
      if (read.state === 'abandoned' && read.opening) await endInPlaceOfWriter(store, session, stream, read.opening)
      else if (!read.more && !stop.aborted) await woken.promise
    }
  } catch (error) {
    if (!stop.aborted) throw error
  } finally {
    clearInterval(beating)
    clearInterval(looking)
    unwatch()
    if (signal.aborted) writeUnwaited(`retry: ${retryInterval}\n\n`)
    response.end()
  }
}

function format(session: Session, stream: string, { position, value }: StoredEvent): string {
  const message = session.open(eventKind(stream), value) as JSONRPCMessage
  return `event: message\nid: ${formatEventId(stream, position)}\ndata: ${JSON.stringify(message)}\n\n`
}

/** The process that worked on it is gone, and the client would wait for ever. */
async function endInPlaceOfWriter(
  store: SessionStore,
  session: Session,
  stream: string,
  sealed: Uint8Array,
): Promise<void> {
  const { requestId } = session.open(openingKind(stream), sealed) as Opening
  const message = failure(requestId, 'The server that worked on this is gone: send the request again')
  await store.append(session.key, stream, session.seal(eventKind(stream), message), { last: true })
}
