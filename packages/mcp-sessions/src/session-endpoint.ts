// Sessions for clients of the 2025 era, as 2025-11-25 has them: `initialize` opens one, POST, GET and DELETE name it by
// Mcp-Session-Id. What is not here: clients of 2026-07-28, which have none, and requests that name none. Neither is HTTP:
// who may call, how many streams there may be and how a refusal reads are for the one who serves the endpoint.
// docs/adr/0006 says what of a session is where, and what happens when a replica dies.

import type { IncomingHttpHeaders } from 'node:http'
import {
  type AuthInfo,
  isInitializeRequest,
  isJSONRPCNotification,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type LoggingLevel,
  type Server,
  SUPPORTED_PROTOCOL_VERSIONS,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { type Destination, findPlace, sendEvents } from './event-stream.ts'
import { createExchange, type Exchange, isResponse, watchDelay } from './exchange.ts'
import { eventKind } from './recorder.ts'
import { createSessions, type Handshake, type Session, type SessionCaller } from './sessions.ts'
import { ownStream, type SessionStore } from './store/contract.ts'

export interface SessionEndpointOptions {
  readonly store: SessionStore
  readonly issuer: string
  readonly resource: string
  /** A fresh server for one request of one caller. */
  readonly createServer: (authInfo: AuthInfo, session: SessionNews) => Server
  /** Told of a notification that is about no request. */
  readonly onNotification?: (authInfo: AuthInfo, notification: JSONRPCNotification, session: SessionNews) => void
  /** Told of a session that its client ended, by its key, on the replica that was asked. */
  readonly onEnd?: (key: string) => void
  /** Milliseconds without a word after which an open stream has a comment. */
  readonly keepAlive: number
  readonly onerror: (error: Error) => void
  /** Told why a client is served without a session. */
  readonly onRefusal: (reason: string) => void
}

/** How a session hears, on its own stream, what belongs to none of its requests; for as long as it is open. */
export interface SessionNews {
  /** The same for all requests of a session; tells nothing about it. */
  readonly key: string
  /** False: the session is over. Throws {@link StoreUnavailableError}. */
  announce(notification: { readonly method: string; readonly params?: unknown }): Promise<boolean>
  /** Runs `ended` when the session is ended, on whichever replica; not when it expires. Returns how to stop. */
  onEnd(ended: () => void): () => void
}

/** What is read of a request. */
export interface SessionRequest {
  readonly headers: IncomingHttpHeaders
}

/** A message as it was parsed: one JSON-RPC message, which the SDK judges further. */
export interface SessionPost extends SessionRequest {
  readonly body: unknown
}

export interface SessionSender extends Sender {
  readonly caller: SessionCaller
}

/**
 * - `id_missing`: it names no session, and can only be for one
 * - `not_found`: the session ended, expired, never was, or is somebody else's
 * - `unsupported_version`: of the protocol
 * - `not_resumable`: nothing can be resumed after its Last-Event-ID
 * - `stream_over`: its Last-Event-ID was the last of its stream. Some clients come back for ever after each answer they have
 */
export type SessionRefusal = 'id_missing' | 'not_found' | 'unsupported_version' | 'not_resumable' | 'stream_over'

/** Each throws {@link StoreUnavailableError} before anything was sent, and starts nothing before what it returns is called. */
export interface SessionEndpoint {
  /** How to answer a message; undefined for one that is for no session. */
  post(request: SessionPost, from: SessionSender): Promise<(() => Prepared) | SessionRefusal | undefined>
  /** How to send a stream of events; for a client that reads them. */
  get(request: SessionRequest, caller: SessionCaller): Promise<((to: Destination) => Promise<void>) | SessionRefusal>
  /** Ends the session. */
  delete(request: SessionRequest, caller: SessionCaller): Promise<SessionRefusal | undefined>
  /** Answers in the place of what still works. */
  close(): Promise<unknown>
}

/** How one message is answered, and when the work for it is done, which may be after its client has left. */
export interface Prepared {
  readonly fetch: (request: Request) => Promise<Response>
  readonly done?: Promise<void>
}

/** Whom a message is from, and whether it hears more than one answer to it. */
interface Sender {
  readonly authInfo: AuthInfo
  readonly hears: boolean
}

export function createSessionEndpoint(options: SessionEndpointOptions): SessionEndpoint {
  const { store, createServer, keepAlive, onerror } = options
  const sessions = createSessions(options)
  /** The requests that are being answered here, by the key of their session. */
  const running = new Map<string, Set<Exchange>>()

  function start(session: Session, message: JSONRPCRequest, { authInfo, hears }: Sender): Exchange {
    const server = createServer(authInfo, newsOf(session))
    const exchange = createExchange({ store, session, message, server, authInfo, hears, keepAlive, onerror })
    const ofSession = running.get(session.key) ?? new Set()
    running.set(session.key, ofSession.add(exchange))
    void exchange.done.then(() => {
      ofSession.delete(exchange)
      if (ofSession.size === 0 && running.get(session.key) === ofSession) running.delete(session.key)
    })
    return exchange
  }

  function newsOf(session: Session): SessionNews {
    return {
      key: session.key,
      async announce(notification) {
        const message = { jsonrpc: '2.0', ...notification }
        return (await store.append(session.key, ownStream, session.seal(eventKind(ownStream), message))) !== undefined
      },
      onEnd(ended) {
        const watching = store.watch(session.key, ({ kind }) => void (kind === 'ended' && ended()))
        watching.catch(onerror)
        return () => void watching.then((stop) => stop()).catch(() => undefined)
      },
    }
  }

  function prepare(session: Session, message: JSONRPCMessage, sender: Sender, isFirst: boolean): Prepared {
    if (!isJSONRPCRequest(message)) return { fetch: (request) => accept(session, request, message, sender.authInfo) }
    const exchange = start(session, message, sender)
    return {
      done: exchange.done,
      fetch: async (request) => {
        const response = await exchange.respond(request, isFirst)
        const level = levelOf(message)
        if (response.ok && level) await sessions.setLogLevel(session, level)
        return response
      },
    }
  }

  /** A notification or an answer: the SDK's transport judges the request, and the message goes where it is waited for. */
  async function accept(
    session: Session,
    request: Request,
    message: JSONRPCMessage,
    authInfo: AuthInfo,
  ): Promise<Response> {
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: undefined })
    let accepted: JSONRPCMessage | undefined
    transport.onmessage = (incoming) => {
      accepted = incoming
    }
    const response = await transport.handleRequest(request, { parsedBody: message })
    if (accepted) await deliver(session, accepted, authInfo)
    return response
  }

  /** Who began a moment ago may not listen yet: a cancellation comes twice, which makes no difference. */
  async function mail(session: Session, message: JSONRPCMessage): Promise<void> {
    const send = () => store.mail(session.key, session.seal('mail', message))
    await send()
    if (!isResponse(message)) setTimeout(() => void send().catch(onerror), 3 * watchDelay).unref()
  }

  /** To the exchange that it is for, here or on another replica. */
  async function deliver(session: Session, message: JSONRPCMessage, authInfo: AuthInfo): Promise<void> {
    const here = [...(running.get(session.key) ?? [])]
    if (here.some((exchange) => exchange.accept(message))) return
    const isForExchange = isResponse(message) || ('method' in message && message.method === 'notifications/cancelled')
    if (isForExchange) await mail(session, message)
    else if (isJSONRPCNotification(message)) options.onNotification?.(authInfo, message, newsOf(session))
  }

  async function findSession({ headers }: SessionRequest, caller: SessionCaller): Promise<Session | SessionRefusal> {
    const id = headers['mcp-session-id']
    if (typeof id !== 'string') return 'id_missing'
    return (await sessions.find(id, caller)) ?? 'not_found'
  }

  return {
    async post(request, { caller, ...sender }) {
      const message = request.body as JSONRPCMessage
      const isNamed = request.headers['mcp-session-id'] !== undefined
      const session = isNamed ? await findSession(request, caller) : undefined
      if (typeof session === 'object') return () => prepare(session, message, sender, false)
      // some clients begin again under the id of a session that is over, and would do so for ever
      if (!isInitializeRequest(message)) return session
      const opened = await sessions.open(caller, message.params as unknown as Handshake)
      return opened && (() => prepare(opened, message as JSONRPCMessage, sender, true))
    },

    async get(request, caller) {
      const session = await findSession(request, caller)
      if (typeof session === 'string') return session
      if (!isSupportedVersion(request)) return 'unsupported_version'
      const { 'last-event-id': lastEventId } = request.headers
      const place = await findPlace(store, session, Array.isArray(lastEventId) ? lastEventId.join() : lastEventId)
      if (place === 'gone') return 'not_found'
      if (place === 'lost') return 'not_resumable'
      if (place === 'over') return 'stream_over'
      const primes = lastEventId === undefined && understandsEmptyEvents(session)
      return (to) => sendEvents({ store, session, place, keepAlive, primes, ...to })
    },

    async delete(request, caller) {
      const session = await findSession(request, caller)
      if (typeof session === 'string') return session
      if (!isSupportedVersion(request)) return 'unsupported_version'
      await sessions.end(session)
      options.onEnd?.(session.key)
      return undefined
    },

    close: () => {
      const left = [...running.values()].flatMap((exchanges) => [...exchanges])
      return Promise.all(left.map((exchange) => exchange.stop('The server is stopping: send the request again')))
    },
  }
}

/** What is not one of them the SDK refuses, in a stream that begins with 200 all the same. */
const levels: readonly LoggingLevel[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
]

function levelOf({ method, params }: JSONRPCRequest): LoggingLevel | undefined {
  return method === 'logging/setLevel' ? levels.find((level) => level === params?.level) : undefined
}

/** A request without the header is one of 2025-03-26, which had none. */
function isSupportedVersion({ headers }: SessionRequest): boolean {
  const version = headers['mcp-protocol-version']
  return version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))
}

/** Older clients read the empty data of such an event as JSON. */
function understandsEmptyEvents({ handshake: { protocolVersion } }: Session): boolean {
  return SUPPORTED_PROTOCOL_VERSIONS.includes(protocolVersion) && protocolVersion >= '2025-11-25'
}
