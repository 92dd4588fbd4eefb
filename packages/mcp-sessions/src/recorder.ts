// What one request's stream says, kept in the session's log as it is said, so that a client whose connection broke can
// read the rest anywhere.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailableError } from '@gatehouse/service'
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server'
import { formatEventId } from './event-id.ts'
import type { Session } from './sessions.ts'
import { ownStream, type SessionStore } from './store/contract.ts'

export interface Recorder {
  readonly stream: string
  /** Returns the event's id, or '' for one that could not be kept: it reaches a client that is connected, and no other. */
  record(message: JSONRPCMessage | Record<string, never>, options?: { readonly last?: boolean }): Promise<string>
  /** For the session's own stream, which belongs to no request. */
  recordOwn(message: JSONRPCMessage): Promise<void>
  /** Call when nothing more comes. */
  finish(): void
}

/** What a stream is begun with, for the one who has to end it in the writer's place. */
export interface Opening {
  readonly requestId: RequestId
}

/** How often, and after how many milliseconds each, a broken record is tried to be ended. */
const attempts = 5
const attemptDelay = 2_000

export function createRecorder(store: SessionStore, session: Session, requestId: RequestId): Recorder {
  const stream = randomBytes(9).toString('base64url')
  const kind = eventKind(stream)
  let started: Promise<boolean> | undefined
  /** Once an event could not be kept nothing after it may be, or a reader would miss it without noticing. */
  let isBroken = false

  async function keep(value: Uint8Array, last: boolean): Promise<string> {
    const opening: Opening = { requestId }
    started ??= store.start(session.key, stream, session.seal(openingKind(stream), opening))
    // the first event does not wait for the beginning: nobody knows the stream before both are there
    const [isStarted, position] = await Promise.all([started, store.append(session.key, stream, value, { last })])
    return isStarted && position !== undefined ? formatEventId(stream, position) : ''
  }

  async function endBroken(): Promise<void> {
    const message = failure(requestId, 'The answer could not be kept: send the request again')
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await sleep(attemptDelay, undefined, { ref: false })
      const ended = await store.append(session.key, stream, session.seal(kind, message), { last: true }).then(
        () => true,
        () => false,
      )
      if (ended) return
    }
  }

  return {
    stream,

    async record(message, { last = false } = {}) {
      if (isBroken) return ''
      try {
        return await keep('jsonrpc' in message ? session.seal(kind, message) : new Uint8Array(), last)
      } catch (error) {
        isBroken = true
        if (!(error instanceof StoreUnavailableError)) throw error
        return ''
      }
    },

    async recordOwn(message) {
      await store.append(session.key, ownStream, session.seal(eventKind(ownStream), message))
    },

    finish() {
      if (isBroken) void endBroken()
    },
  }
}

export function eventKind(stream: string): string {
  return `event ${stream}`
}

export function openingKind(stream: string): string {
  return `opening ${stream}`
}

/** An answer in the place of the real one, which there will not be. */
export function failure(id: RequestId, message: string): JSONRPCMessage {
  return { jsonrpc: '2.0', id, error: { code: -32_000, message } }
}
