// What can go wrong in the MCP server, and the one form in which it is told. Tokens and scopes are the guard's affair,
// protocol errors beyond a readable body the SDK's.
import { StoreUnavailableError } from '@gatehouse/service'
import type { FastifyReply } from 'fastify'

export { ConfigError } from '@gatehouse/service'

/** Answers outside the protocol, in the words of OAuth. */
export function refuse(reply: FastifyReply, status: number, error: string, description: string): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send({ error, error_description: description })
}

/** Refusals that pass. `retryAfter`: seconds, and why so many. */
const passing = {
  // a request that comes back looks again, and a failover of the store takes seconds
  sessionsAway: { status: 503, message: 'Sessions are unavailable: try again shortly', retryAfter: 2 },
  keysAway: { status: 503, message: 'The keys cannot be read now: try again shortly', retryAfter: 2 },
  // most messages are answered by then
  callerBusy: { status: 429, message: 'Too much under way: wait for some answers', retryAfter: 2 },
  busy: { status: 503, message: 'Busy: try again shortly', retryAfter: 2 },
  // streams are long: only what the client itself closes makes room
  tooManyStreams: { status: 429, message: 'Too many open streams: close one first', retryAfter: 10 },
  // the next request reaches another replica, or the process that comes after this one
  stopping: { status: 503, message: 'Stopping: try again shortly', retryAfter: 1 },
} as const

/** Says in the words of JSON-RPC when to come back. */
export function refusePassing(reply: FastifyReply, why: Exclude<keyof typeof passing, 'keysAway'>): FastifyReply {
  const { status, message, retryAfter } = passing[why]
  return refuseRpc(reply.header('retry-after', String(retryAfter)), status, rpcCodes.other, message)
}

/** To who asks for the keys that callers are named with: no caller of MCP. */
export function refuseKeys(reply: FastifyReply): FastifyReply {
  const { status, message, retryAfter } = passing.keysAway
  return refuse(reply.header('retry-after', String(retryAfter)), status, 'temporarily_unavailable', message)
}

/** RFC 6585 §4: one request too many for a limit of the operator's. `retryAfter`: seconds. */
export function refuseLimited(
  reply: FastifyReply,
  { reason, message, retryAfter }: { readonly reason: string; readonly message: string; readonly retryAfter: number },
  id: string | number | null,
): FastifyReply {
  const data = { reason, retryAfter }
  return refuseRpc(reply.header('retry-after', String(retryAfter)), 429, rpcCodes.other, message, id, data)
}

/** Answers in the words of JSON-RPC; `id` is that of the request, where it is known. */
export function refuseRpc(
  reply: FastifyReply,
  status: number,
  code: number,
  message: string,
  id: string | number | null = null,
  data?: unknown,
): FastifyReply {
  const error = { code, message, ...(data !== undefined && { data }) }
  return reply.code(status).header('cache-control', 'no-store').send({ jsonrpc: '2.0', error, id })
}

/** JSON-RPC codes: §5.1 of its specification, and the SDK's for what has none there. */
export const rpcCodes = {
  parseError: -32_700,
  invalidRequest: -32_600,
  invalidParams: -32_602,
  internalError: -32_603,
  other: -32_000,
  sessionNotFound: -32_001,
  headerMismatch: -32_020,
} as const

/** Fastify's refusals of a body, by its codes. */
const bodyFaults: Readonly<Record<string, { status: number; code: number; message: string }>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: { status: 400, code: rpcCodes.parseError, message: 'Parse error: the body is empty' },
  FST_ERR_CTP_INVALID_JSON_BODY: {
    status: 400,
    code: rpcCodes.parseError,
    message: 'Parse error: the body is not JSON',
  },
  JSON_TOO_DEEP: {
    status: 400,
    code: rpcCodes.invalidRequest,
    message: 'Invalid Request: the body is nested too deep',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: rpcCodes.invalidRequest,
    message: 'Invalid Request: the body is not as long as Content-Length says',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: rpcCodes.other, message: 'The body is larger than 1 MiB' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    status: 415,
    code: rpcCodes.other,
    message: 'Content-Type must be application/json',
  },
}

/** An error as JSON-RPC, Fastify's above all. What we do not know is ours: 500, without its text. */
export function refuseError(reply: FastifyReply, error: unknown): FastifyReply {
  if (error instanceof StoreUnavailableError) {
    reply.log.warn({ err: error }, 'the session store does not answer')
    return refusePassing(reply, 'sessionsAway')
  }
  const fault = bodyFaults[codeOf(error)]
  if (fault) return refuseRpc(reply, fault.status, fault.code, fault.message)
  reply.log.error({ err: error }, 'request failed')
  return refuseRpc(reply, 500, rpcCodes.internalError, 'Internal error')
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
