// Requests of sessions, over our connections: packages/mcp-sessions says what is to be done, and this how it looks in HTTP.
import type { Caller } from '@gatehouse/guard'
import { createSessionEndpoint, type SessionEndpointOptions, type SessionRefusal } from '@gatehouse/mcp-sessions'
import { type AuthInfo, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuseRpc, rpcCodes } from '../errors.ts'
import { readAccept } from './accept.ts'
import type { Answer } from './answer.ts'
import type { Serve } from './connections.ts'
import type { UnsentBytes } from './unsent-bytes.ts'

export interface SessionAnswersOptions extends SessionEndpointOptions {
  readonly answer: Answer
  readonly unsent: UnsentBytes
  /** Ends streams that wait, so that their clients come back elsewhere. */
  readonly closing: AbortSignal
}

/** Who calls, as the guard and as the SDK has it. */
interface CalledBy {
  readonly caller: Caller
  readonly authInfo: AuthInfo
}

/** Each throws {@link StoreUnavailableError} before anything was sent. */
export interface SessionAnswers {
  /** How to answer a message; undefined for one that is for no session. */
  post(request: FastifyRequest, reply: FastifyReply, by: CalledBy): Promise<Serve | 'refused' | undefined>
  get(request: FastifyRequest, reply: FastifyReply, caller: Caller): Promise<Serve | 'refused'>
  delete(request: FastifyRequest, reply: FastifyReply, caller: Caller): Promise<void>
  /** Answers in the place of what still works. */
  close(): Promise<unknown>
}

const refusals: Readonly<Record<SessionRefusal, { status: number; code: number; message: string }>> = {
  id_missing: {
    status: 400,
    code: rpcCodes.other,
    message: 'Bad Request: Mcp-Session-Id is required; POST initialize to get one',
  },
  not_found: {
    status: 404,
    code: rpcCodes.sessionNotFound,
    message: 'Session not found: POST initialize to open another',
  },
  unsupported_version: {
    status: 400,
    code: rpcCodes.other,
    message: `Bad Request: unsupported MCP-Protocol-Version (supported: ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')})`,
  },
  not_resumable: {
    status: 400,
    code: rpcCodes.other,
    message: 'Bad Request: nothing can be resumed after this Last-Event-ID',
  },
  // the one answer besides a stream that a GET may get (2025-11-25, Transports); the SDK's clients do not come back after it
  stream_over: { status: 405, code: rpcCodes.other, message: 'The stream is over: this Last-Event-ID was its last' },
}

export function createSessionAnswers({ answer, unsent, closing, ...options }: SessionAnswersOptions): SessionAnswers {
  const endpoint = createSessionEndpoint(options)

  function refused(reply: FastifyReply, reason: SessionRefusal): 'refused' {
    const { status, code, message } = refusals[reason]
    if (status === 405) reply.header('allow', 'GET, POST, DELETE, OPTIONS')
    refuseRpc(reply, status, code, message)
    return 'refused'
  }

  return {
    async post(request, reply, by) {
      const hears = readAccept(request.headers.accept).stream
      const prepare = await endpoint.post(request, { ...by, hears })
      if (typeof prepare === 'string') return refused(reply, prepare)
      if (!prepare) return undefined
      return async () => {
        const { fetch, done } = prepare()
        await answer(request, reply, fetch)
        await done
      }
    },

    async get(request, reply, caller) {
      if (!readAccept(request.headers.accept).stream) {
        refuseRpc(reply, 406, rpcCodes.other, 'Not Acceptable: the client must accept text/event-stream')
        return 'refused'
      }
      const sendEvents = await endpoint.get(request, caller)
      if (typeof sendEvents === 'string') return refused(reply, sendEvents)
      return (life) => {
        const write = unsent.writerFor(reply.raw)
        return sendEvents({ response: reply.raw, write, signal: AbortSignal.any([life, closing]) })
      }
    },

    async delete(request, reply, caller) {
      const refusal = await endpoint.delete(request, caller)
      if (refusal) refused(reply, refusal)
      else reply.code(200).header('cache-control', 'no-store').send()
    },

    close: endpoint.close,
  }
}
