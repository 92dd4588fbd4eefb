// Sessions for clients of the 2025 era, as 2025-11-25 has them: `initialize` opens one, POST, GET and DELETE name it by
// Mcp-Session-Id. What is not here: clients of 2026-07-28, which have none, and requests that name none; see ../http.ts.
// docs/adr/0006 says what of a session is where, and what happens when a replica dies.

import type { Caller } from '@gatehouse/resource-guard'
import { type FetchLikeMcpHandler, type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import {
  type AuthInfo,
  isInitializeRequest,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type LoggingLevel,
  type McpServer,
  SUPPORTED_PROTOCOL_VERSIONS,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuseRpc, rpcCodes } from '../../errors.ts'
import type { SessionStore } from '../../store/contract.ts'
import { findPlace, sendEvents } from './event-stream.ts'
import { createExchange, type Exchange, isResponse } from './exchange.ts'
import { createSessions, type Handshake, type Session } from './sessions.ts'

export interface LegacyEndpointOptions {
  readonly store: SessionStore
  readonly issuer: string
  readonly resource: string
  /** A fresh server for one request of one caller. */
  readonly createServer: (authInfo: AuthInfo) => McpServer
  /** Ends streams that wait, so that their clients come back elsewhere. */
  readonly closing: AbortSignal
  readonly onerror: (error: Error) => void
  readonly onRefusal: (reason: string) => void
}

/** Who calls, as the guard and as the SDK has it. */
export interface CalledBy {
  readonly caller: Caller
  readonly authInfo: AuthInfo
}

export interface LegacyEndpoint {
  /** How to answer a message; undefined for one that is none of ours. Throws {@link StoreUnavailableError}. */
  post(request: FastifyRequest, reply: FastifyReply, by: CalledBy): Promise<Serve | 'refused' | undefined>
  /** The same for GET. */
  get(request: FastifyRequest, reply: FastifyReply, by: CalledBy): Promise<Serve | 'refused'>
  delete(request: FastifyRequest, reply: FastifyReply, by: CalledBy): Promise<void>
  /** Resolves when what works now has answered, to a client that is there or to the store. */
  settled(): Promise<unknown>
  /** Answers in the place of what still works. */
  close(): Promise<void>
}

/** Takes over the connection and is done when the answer is. `signal` ends a stream that would stay open. */
export type Serve = (signal: AbortSignal) => Promise<void>

export function createLegacyEndpoint(options: LegacyEndpointOptions): LegacyEndpoint {
  const { store, issuer, resource, createServer, closing, onerror, onRefusal } = options
  const sessions = createSessions({ store, issuer, resource, onRefusal })
  const running = new Map<string, Set<Exchange>>()
  const ends = new Set<Promise<void>>()

  function createRunning(session: Session, message: JSONRPCMessage, authInfo: AuthInfo): Exchange | undefined {
    if (!isJSONRPCRequest(message)) return undefined
    const ofSession = running.get(session.key) ?? new Set()
    running.set(session.key, ofSession)
    const { promise, resolve } = Promise.withResolvers<void>()
    ends.add(promise)
    const exchange = createExchange({
      store,
      session,
      message,
      server: createServer(authInfo),
      authInfo,
      onerror,
      onEnd: () => {
        ofSession.delete(exchange)
        if (ofSession.size === 0) running.delete(session.key)
        ends.delete(promise)
        resolve()
      },
    })
    ofSession.add(exchange)
    return exchange
  }

  /** To the exchange that a notification or an answer is for, here or on another replica. */
  async function deliver(session: Session, message: JSONRPCMessage): Promise<void> {
    const here = [...(running.get(session.key) ?? [])]
    if (here.some((exchange) => exchange.accept(message))) return
    const isForExchange = isResponse(message) || ('method' in message && message.method === 'notifications/cancelled')
    if (isForExchange) await store.mail(session.key, session.seal('mail', message))
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

  async function open(
    message: JSONRPCMessage,
    { caller, authInfo }: CalledBy,
  ): Promise<FetchLikeMcpHandler | undefined> {
    if (!isInitializeRequest(message)) return undefined
    const session = await sessions.open(caller, message.params as unknown as Handshake)
    const exchange = session && createRunning(session, message as JSONRPCMessage, authInfo)
    return exchange && { fetch: (request) => exchange.respond(request, true) }
  }

  function serveIn(session: Session, message: JSONRPCMessage, authInfo: AuthInfo): FetchLikeMcpHandler {
    return {
      fetch: async (request) => {
        const exchange = createRunning(session, message, authInfo)
        if (!exchange) return accept(session, request, message)
        const response = await exchange.respond(request, false)
        const level = levelOf(message)
        if (response.ok && level) await sessions.setLogLevel(session, level)
        return response
      },
    }
  }

  /** The session that the request names, or undefined and a refusal. */
  async function findSession(
    request: FastifyRequest,
    reply: FastifyReply,
    caller: Caller,
  ): Promise<Session | undefined> {
    const id = request.headers['mcp-session-id']
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
      let handler: FetchLikeMcpHandler | undefined
      if (request.headers['mcp-session-id'] === undefined) handler = await open(message, { caller, authInfo })
      else {
        const session = await findSession(request, reply, caller)
        if (!session) return 'refused'
        handler = serveIn(session, message, authInfo)
      }
      if (!handler) return undefined
      const serve = toNodeHandler(handler, { onerror })
      return () => serve(request.raw as NodeIncomingMessageLike, reply.raw, message)
    },

    async get(request, reply, { caller }) {
      const { accept: accepts = '', 'last-event-id': lastEventId } = request.headers
      const refused = (status: number, code: number, message: string): 'refused' => {
        refuseRpc(reply, status, code, message)
        return 'refused'
      }
      if (!accepts.includes('text/event-stream')) {
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
      return async (signal) => {
        reply.raw.writeHead(200, {
          'content-type': 'text/event-stream',
          'cache-control': 'no-cache, no-transform',
          'mcp-session-id': session.id,
          'x-accel-buffering': 'no',
        })
        const primes = lastEventId === undefined && understandsEmptyEvents(session)
        const until = AbortSignal.any([signal, closing])
        await sendEvents({ store, session, place, response: reply.raw, signal: until, primes })
      }
    },

    async delete(request, reply, { caller }) {
      const session = await findSession(request, reply, caller)
      if (!session) return
      if (!isSupportedVersion(request)) {
        refuseRpc(reply, 400, rpcCodes.other, unsupportedVersion)
        return
      }
      await sessions.end(session)
      reply.code(200).header('cache-control', 'no-store').send()
    },

    settled: () => Promise.all(ends),

    async close() {
      const left = [...running.values()].flatMap((exchanges) => [...exchanges])
      await Promise.all(left.map((exchange) => exchange.stop('The server is stopping: send the request again')))
    },
  }
}

function levelOf(message: JSONRPCMessage): LoggingLevel | undefined {
  if (!('method' in message) || message.method !== 'logging/setLevel') return undefined
  return message.params?.level as LoggingLevel | undefined
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
