// GET in a session (2025-11-25, Transports): the session's own stream, or the rest of a request's, whoever writes it. All
// that is sent comes out of the store, so it makes no difference on which replica a client comes back.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { JSONRPCMessage } from '@modelcontextprotocol/server'
import { ownStream, type Position, type SessionStore, type StoredEvent } from '../../store/contract.ts'
import { formatEventId, parseEventId } from './event-id.ts'
import { retryInterval } from './exchange.ts'
import { eventKind, failure, type Opening, openingKind } from './recorder.ts'
import type { Session } from './sessions.ts'

export interface Place {
  readonly stream: string
  readonly position: Position
  readonly reader: string
}

/** Milliseconds between two comments that keep a silent connection open, and between two looks without being told. */
const keepAlive = 15_000
const lookAgain = 5_000

/**
 * Where to read from. `gone`: the session ended meanwhile. `lost`: there is no such event in it, or what came after it
 * was not kept, which is said rather than passed over.
 */
export async function findPlace(
  store: SessionStore,
  session: Session,
  lastEventId: string | undefined,
): Promise<Place | 'gone' | 'lost'> {
  const reader = randomUUID()
  if (lastEventId === undefined) {
    const position = await store.claim(session.key, ownStream, reader, { mark: true })
    return position === undefined ? 'gone' : { stream: ownStream, position, reader }
  }
  const place = parseEventId(lastEventId)
  if (!place) return 'lost'
  const read = await store.read(session.key, place.stream, place.position, { isEvent: true })
  if (read.kind !== 'events') return read.kind
  const claimed = await store.claim(session.key, place.stream, reader)
  return claimed === undefined ? 'gone' : { ...place, reader }
}

export interface EventStreamOptions {
  readonly store: SessionStore
  readonly session: Session
  readonly place: Place
  readonly response: ServerResponse
  /** Ends the stream; what is not sent by then can be resumed. */
  readonly signal: AbortSignal
  /** Whether the client understands an event without data. */
  readonly primes: boolean
}

/** Sends until the stream ends, another reader takes over, the client leaves, or `signal`. Ends the response. */
export async function sendEvents({
  store,
  session,
  place,
  response,
  signal,
  primes,
}: EventStreamOptions): Promise<void> {
  const { stream, reader } = place
  const left = new AbortController()
  response.on('close', () => left.abort())
  const stop = AbortSignal.any([signal, left.signal])
  let woken = Promise.withResolvers<void>()
  stop.addEventListener('abort', () => woken.resolve())

  const write = async (text: string): Promise<void> => {
    if (!stop.aborted && !response.write(text)) await once(response, 'drain', { signal: stop })
  }
  const unwatch = await store.watch(session.key, () => woken.resolve())
  const beating = setInterval(() => void write(': keepalive\n\n').catch(() => undefined), keepAlive)
  const looking = setInterval(() => woken.resolve(), lookAgain)
  try {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'mcp-session-id': session.id,
      'x-accel-buffering': 'no',
    })
    response.flushHeaders()
    if (primes) await write(`id: ${formatEventId(stream, place.position)}\nretry: ${retryInterval}\ndata: \n\n`)
    let cursor = place.position
    while (!stop.aborted) {
      woken = Promise.withResolvers<void>()
      const read = await store.read(session.key, stream, cursor)
      if (read.kind !== 'events' || read.reader !== reader) return
      for (const event of read.events) await write(format(session, stream, event))
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
    if (signal.aborted) response.write(`retry: ${retryInterval}\n\n`)
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
