// One request in a session: a fresh server, which is told the session's handshake and then the request, and whose answer
// is recorded as it is given. It lives until it has answered, whether the client is still connected or not: in the 2025
// era a broken connection is not a cancellation.

import type { AuthInfo, JSONRPCMessage, JSONRPCRequest, RequestId, Server } from '@modelcontextprotocol/server'
import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { createRecorder, failure } from './recorder.ts'
import type { Session } from './sessions.ts'
import type { SessionStore } from './store/contract.ts'

export interface ExchangeOptions {
  readonly store: SessionStore
  readonly session: Session
  readonly message: JSONRPCRequest
  readonly server: Server
  readonly authInfo: AuthInfo
  /** Whether the client hears on this connection what comes before the answer. Otherwise it is asked on the session's own stream. */
  readonly hears: boolean
  /** Milliseconds without a word after which there is a comment. */
  readonly keepAlive: number
  readonly onerror: (error: Error) => void
}

export interface Exchange {
  /** Resolves when it has answered or was stopped, whether the client is still connected or not. */
  readonly done: Promise<void>
  /** `isFirst`: the request is the handshake itself. */
  respond(request: Request, isFirst: boolean): Promise<Response>
  /** A message that is meant for this exchange is taken; of others it says that they are not. */
  accept(message: JSONRPCMessage): boolean
  /** Answers in the place of the tool, for anyone who reads now or later. */
  stop(reason: string): Promise<void>
}

/**
 * Milliseconds after which an exchange that says nothing listens for messages that come by way of other replicas. Most are over
 * by then.
 */
export const watchDelay = 100
/** Characters beyond which progress and log messages are dropped. */
const mostWaiting = 1_048_576
/** Milliseconds after which a client whose connection broke should come back. */
export const retryInterval = 1_000

export function createExchange(options: ExchangeOptions): Exchange {
  const { store, session, message, server, authInfo, hears, keepAlive, onerror } = options
  const recorder = createRecorder(store, session, message.id)
  // While the handshake is played again nothing is recorded and nobody listens.
  let isLive = false
  let isOver = false
  const { promise: done, resolve: endAll } = Promise.withResolvers<void>()
  let sending: Promise<unknown> = Promise.resolve()
  /** Characters of what waits to be kept. */
  let waiting = 0
  let watching: Promise<() => void> | undefined

  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: () => session.id,
    retryInterval,
    keepAliveMs: keepAlive,
    eventStore: {
      storeEvent: async (_stream, event) =>
        isLive ? recorder.record(event as JSONRPCMessage, { last: isResponse(event as JSONRPCMessage) }) : '',
      replayEventsAfter: async () => {
        throw new Error('resumption does not come here: see event-stream.ts')
      },
    },
  })
  const deliver = transport.send.bind(transport)
  transport.send = (sent, sendOptions) => {
    if (!isLive) return deliver(sent, sendOptions)
    // where the store is slower than a tool talks: an answer is kept, words are not
    if (waiting > mostWaiting && isJSONRPCNotification(sent)) return Promise.resolve()
    const size = JSON.stringify(sent).length
    waiting += size
    // One after the other: what is stored takes its time, and the answer must not overtake what was said before it.
    const done = sending
      .then(() => send(sent, sendOptions))
      .finally(() => {
        waiting -= size
      })
    sending = done.catch(() => undefined)
    return done
  }

  async function send(sent: JSONRPCMessage, sendOptions?: { readonly relatedRequestId?: RequestId }): Promise<void> {
    if (isOver) return
    const named = withOwnId(sent, recorder.stream)
    // what the client says to it may come by way of another replica: an answer, or that it wants no more
    if (!isResponse(sent)) await (isJSONRPCRequest(sent) ? watch() : watch().catch(onerror))
    if (isJSONRPCRequest(sent)) {
      // This server has one request to answer, so what it asks is about that one, whether it says so or not.
      await (hears ? deliver(named, { relatedRequestId: message.id }) : recorder.recordOwn(named))
    } else if (sendOptions?.relatedRequestId !== undefined || isResponse(sent)) await deliver(named, sendOptions)
    else await recorder.recordOwn(named).catch(onerror)
    if (isResponse(sent)) end()
  }

  function watch(): Promise<() => void> {
    watching ??= store.watch(session.key, (signal) => {
      if (signal.kind === 'ended') end()
      else if (signal.kind === 'mail') acceptMail(signal.value)
    })
    return watching
  }
  const watchTimer = setTimeout(() => void watch(), watchDelay).unref()

  function end(): void {
    if (isOver) return
    isOver = true
    clearTimeout(watchTimer)
    watching?.then((stop) => stop()).catch(() => undefined)
    recorder.finish()
    server.close().catch(onerror).finally(endAll)
  }

  /** The handshake as the client sent it once, and the level of logging it asked for since. */
  async function replay(): Promise<void> {
    const { handshake, logLevel } = session
    await play({ jsonrpc: '2.0', id: 'handshake', method: 'initialize', params: handshake })
    if (logLevel) await play({ jsonrpc: '2.0', id: 'level', method: 'logging/setLevel', params: { level: logLevel } })
  }

  async function play(parsedBody: JSONRPCMessage): Promise<void> {
    const headers = { ...messageHeaders, 'mcp-session-id': session.id }
    const response = await transport.handleRequest(new Request('http://session.invalid', { method: 'POST', headers }), {
      parsedBody,
      authInfo,
    })
    await response.text() // to its end
  }

  function accept(incoming: JSONRPCMessage): boolean {
    if (isOver) return false
    if (isResponse(incoming)) {
      const id = ownIdOf(incoming.id, recorder.stream)
      if (id === undefined) return false
      transport.onmessage?.({ ...incoming, id }, { authInfo })
      return true
    }
    const isCancellation = isJSONRPCNotification(incoming) && incoming.method === 'notifications/cancelled'
    if (!isCancellation || incoming.params?.requestId !== message.id) return false
    transport.onmessage?.(incoming, { authInfo })
    // The answer to a cancelled request is not sent, so nothing else would end this.
    void recorder.record(failure(message.id, 'Cancelled'), { last: true }).finally(end)
    return true
  }

  function acceptMail(sealed: Uint8Array): void {
    try {
      accept(session.open('mail', sealed) as JSONRPCMessage)
    } catch (error) {
      onerror(error as Error) // not from one of us
    }
  }

  return {
    done,

    async respond(request, isFirst) {
      try {
        server.onerror = onerror
        await server.connect(transport)
        if (!isFirst) await replay()
        isLive = true
        const response = await transport.handleRequest(request, { parsedBody: message, authInfo })
        if (!response.headers.get('content-type')?.startsWith('text/event-stream')) end() // refused: no answer follows
        return response
      } catch (error) {
        end()
        throw error
      }
    },

    accept,

    async stop(reason) {
      await transport.send(failure(message.id, reason)).catch(onerror)
      end()
    },
  }
}

/** What the transport asks of a request's headers, for those that come from ourselves. */
const messageHeaders = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
} as const

export function isResponse(message: JSONRPCMessage) {
  return isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)
}

/**
 * Each server counts its own requests from 0, and a session has many of them at once: so the client is given ids that name
 * the stream as well, by which the answer finds its way back, on whatever replica it comes in.
 */
function withOwnId(message: JSONRPCMessage, stream: string): JSONRPCMessage {
  if (isJSONRPCRequest(message)) return { ...message, id: `${stream}.${message.id}` }
  const isCancellation = isJSONRPCNotification(message) && message.method === 'notifications/cancelled'
  if (!isCancellation || message.params?.requestId === undefined) return message
  return { ...message, params: { ...message.params, requestId: `${stream}.${message.params.requestId}` } }
}

function ownIdOf(id: unknown, stream: string): number | undefined {
  if (typeof id !== 'string' || !id.startsWith(`${stream}.`)) return undefined
  const own = Number(id.slice(stream.length + 1))
  return Number.isSafeInteger(own) ? own : undefined
}
