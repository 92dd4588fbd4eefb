// Sessions for clients of the 2025 era, as 2025-11-25 has them: `initialize` opens one, POST, GET and DELETE name it by
// Mcp-Session-Id. What is not here: clients of 2026-07-28, which have none, and requests that name none; see ../http.ts.
// docs/adr/0006 says what of a session is where, and what happens when a replica dies.

import type { Caller } from '@gatehouse/guard'
import {
  type AuthInfo,
  isInitializeRequest,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type LoggingLevel,
  type McpServer,
  SUPPORTED_PROTOCOL_VERSIONS,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuseRpc, rpcCodes } from '../../errors.ts'
import type { SessionStore } from '../../store/contract.ts'
import { readAccept } from '../accept.ts'
import type { Answer } from '../answer.ts'
import type { Serve } from '../connections.ts'
import type { UnsentBytes } from '../unsent-bytes.ts'
import { findPlace, sendEvents } from './event-stream.ts'
import { createExchange, type Exchange, isResponse } from './exchange.ts'
import { createSessions, type Handshake, type Session } from './sessions.ts'

export interface LegacyEndpointOptions {
  readonly store: SessionStore
  readonly issuer: string
  readonly resource: string
  /** A fresh server for one request of one caller. */
  readonly createServer: (authInfo: AuthInfo) => McpServer
  readonly answer: Answer
  readonly unsent: UnsentBytes
  /** Milliseconds without a word after which an open stream has a comment. */
  readonly keepAlive: number
  /** Ends streams that wait, so that their clients come back elsewhere. */
  readonly closing: AbortSignal
  readonly onerror: (error: Error) => void
  /** Told why a client is served without a session. */
  readonly onRefusal: (reason: string) => void
}

/** Who calls, as the guard and as the SDK has it. */
export interface CalledBy {
  readonly caller: Caller
  readonly authInfo: AuthInfo
}

/** Each throws {@link StoreUnavailableError} before anything was sent. */
export interface LegacyEndpoint {
  /** How to answer a message; undefined for one that is none of ours. */
  post(request: FastifyRequest, reply: FastifyReply, by: CalledBy): Promise<Serve | 'refused' | undefined>
  get(request: FastifyRequest, reply: FastifyReply, caller: Caller): Promise<Serve | 'refused'>
  delete(request: FastifyRequest, reply: FastifyReply, caller: Caller): Promise<void>
  /** Answers in the place of what still works. */
  close(): Promise<unknown>
}

/** How one message is answered, and when the work for it is done, which may be after its client has left. */
interface Prepared {
  readonly fetch: (request: Request) => Promise<Response>
  readonly done?: Promise<void>
}

/** Whom a message is from, and whether it hears more than one answer to it. */
interface Sender {
  readonly authInfo: AuthInfo
  readonly hears: boolean
}

export function createLegacyEndpoint(options: LegacyEndpointOptions): LegacyEndpoint {
  const { store, createServer, unsent, keepAlive, closing, onerror } = options
  const sessions = createSessions(options)
  /** The requests that are being answered here, by the key of their session. */
  const running = new Map<string, Set<Exchange>>()

  function start(session: Session, message: JSONRPCRequest, { authInfo, hears }: Sender): Exchange {
    const server = createServer(authInfo)
    const exchange = createExchange({ store, session, message, server, authInfo, hears, keepAlive, onerror })
    const ofSession = running.get(session.key) ?? new Set()
    running.set(session.key, ofSession.add(exchange))
    void exchange.done.then(() => {
      ofSession.delete(exchange)
      if (ofSession.size === 0 && running.get(session.key) === ofSession) running.delete(session.key)
    })
    return exchange
  }

  function prepare(session: Session, message: JSONRPCMessage, sender: Sender, isFirst: boolean): Prepared {
    if (!isJSONRPCRequest(message)) return { fetch: (request) => accept(session, request, message) }
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
  async function accept(session: Session, request: Request, message: JSONRPCMessage): Promise<Response> {
    const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: undefined })
    let accepted: JSONRPCMessage | undefined
    transport.onmessage = (incoming) => {
      accepted = incoming
    }
    const response = await transport.handleRequest(request, { parsedBody: message })
    if (accepted) await deliver(session, accepted)
    return response
  }

  /** To the exchange that it is for, here or on another replica. */
  async function deliver(session: Session, message: JSONRPCMessage): Promise<void> {
    const here = [...(running.get(session.key) ?? [])]
    if (here.some((exchange) => exchange.accept(message))) return
    const isForExchange = isResponse(message) || ('method' in message && message.method === 'notifications/cancelled')
    if (isForExchange) await store.mail(session.key, session.seal('mail', message))
  }

  function serveWith(request: FastifyRequest, reply: FastifyReply, prepared: () => Prepared): Serve {
    return async () => {
      const { fetch, done } = prepared()
      await options.answer(request, reply, fetch)
      await done
    }
  }

  /** The session that the request names, or undefined and a refusal. */
  async function findSession({ headers }: FastifyRequest, reply: FastifyReply, caller: Caller) {
    const id = headers['mcp-session-id']
    if (typeof id !== 'string') {
      refuseRpc(reply, 400, rpcCodes.other, 'Bad Request: Mcp-Session-Id is required; POST initialize to get one')
      return undefined
    }
    const session = await sessions.find(id, caller)
    if (!session) refuseRpc(reply, 404, rpcCodes.sessionNotFound, 'Session not found: POST initialize to open another')
    return session
  }

  return {
    async post(request, reply, { caller, authInfo }) {
      const message = request.body as JSONRPCMessage
      const sender = { authInfo, hears: readAccept(request.headers.accept).stream }
      if (request.headers['mcp-session-id'] === undefined) {
        if (!isInitializeRequest(message)) return undefined
        const opened = await sessions.open(caller, message.params as unknown as Handshake)
        return opened && serveWith(request, reply, () => prepare(opened, message as JSONRPCMessage, sender, true))
      }
      const session = await findSession(request, reply, caller)
      return session ? serveWith(request, reply, () => prepare(session, message, sender, false)) : 'refused'
    },

    async get(request, reply, caller) {
      const refused = (status: number, code: number, message: string): 'refused' => {
        refuseRpc(reply, status, code, message)
        return 'refused'
      }
      const { accept: accepts, 'last-event-id': lastEventId } = request.headers
      if (!readAccept(accepts).stream) {
        return refused(406, rpcCodes.other, 'Not Acceptable: the client must accept text/event-stream')
      }
      const session = await findSession(request, reply, caller)
      if (!session) return 'refused'
      if (!isSupportedVersion(request)) return refused(400, rpcCodes.other, unsupportedVersion)
      const place = await findPlace(store, session, Array.isArray(lastEventId) ? lastEventId.join() : lastEventId)
      if (place === 'gone') return refused(404, rpcCodes.sessionNotFound, 'Session not found')
      if (place === 'lost') {
        return refused(400, rpcCodes.other, 'Bad Request: nothing can be resumed after this Last-Event-ID')
      }
      const primes = lastEventId === undefined && understandsEmptyEvents(session)
      return async (life) => {
        const signal = AbortSignal.any([life, closing])
        const write = unsent.writerFor(reply.raw)
        await sendEvents({ store, session, place, response: reply.raw, write, keepAlive, signal, primes })
      }
    },

    async delete(request, reply, caller) {
      const session = await findSession(request, reply, caller)
      if (!session) return
      if (!isSupportedVersion(request)) {
        refuseRpc(reply, 400, rpcCodes.other, unsupportedVersion)
        return
      }
      await sessions.end(session)
      reply.code(200).header('cache-control', 'no-store').send()
    },

    close: () => {
      const left = [...running.values()].flatMap((exchanges) => [...exchanges])
      return Promise.all(left.map((exchange) => exchange.stop('The server is stopping: send the request again')))
    },
  }
}

/** What is none of them the SDK refuses, in a stream that begins with 200 all the same. */
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
function isSupportedVersion({ headers }: FastifyRequest): boolean {
  const version = headers['mcp-protocol-version']
  return version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))
}

const unsupportedVersion = `Bad Request: unsupported MCP-Protocol-Version (supported: ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')})`

/** Older clients read the empty data of such an event as JSON. */
function understandsEmptyEvents({ handshake: { protocolVersion } }: Session): boolean {
  return SUPPORTED_PROTOCOL_VERSIONS.includes(protocolVersion) && protocolVersion >= '2025-11-25'
}
