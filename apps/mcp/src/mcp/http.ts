// The MCP endpoint: what has to be right before the SDK sees a request, in the order in which it is asked. Where the
// page is from (origins.ts), who calls (the guard), whether there is one message, what it needs (operations.ts), whether
// there is room for another stream (stream-limits.ts). Requests in a session of the 2025 era go to
// session-answers.ts; the SDK serves all others without one, of both eras.
import type { Caller } from '@gatehouse/guard'
import { admitBearer, refuseWithoutScopes } from '@gatehouse/guard/fastify'
import type { AuthInfo } from '@modelcontextprotocol/server'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { refuseError, refuseLimited, refusePassing, refuseRpc, rpcCodes } from '../errors.ts'
import { withoutNulls } from './absent-members.ts'
import { readAccept } from './accept.ts'
import { type BodyLimits, readWithinBudget } from './body-budget.ts'
import { grantOf, type Note } from './call-audit.ts'
import type { Common } from './common.ts'
import type { Serve } from './connections.ts'
import type { McpEndpoint } from './endpoint.ts'
import { findHeaderMismatch } from './inbound.ts'
import { idOf } from './message.ts'
import { type MessageRefusal, refusalOf } from './message-refusal.ts'
import { inOperation, noteOnSpan } from './operation-span.ts'
import { createPreflight } from './origins.ts'
import { passableHeaders } from './passable-headers.ts'
import type { Message, Operation, ServedRequest } from './served.ts'
import { requestAlone } from './stands-alone.ts'

export interface McpRoutesOptions {
  readonly common: Common
  readonly bodyLimits: BodyLimits
  /** Whether there are sessions. */
  readonly sessions: boolean
  /** The endpoint of a request: one without was refused before. */
  readonly endpointOf: (request: FastifyRequest) => McpEndpoint
  /** Answers in the place of what still works, at all endpoints. */
  readonly stop: () => Promise<unknown>
  /** Ends what is behind them. */
  readonly close: () => Promise<unknown>
}

/** Milliseconds for connections to fall quiet in when all that was asked is answered. */
const quietLimit = 500

/** Which endpoint a path is, if it is one, was looked up before: see ../endpoints. */
const anyPath = '*'

/** A message that is gone into. */
interface Permitted {
  readonly caller: Caller
  /** Of the request, as far as others may see them. */
  readonly headers: ServedRequest['headers']
  readonly operation: Operation
  readonly isLegacy: boolean
}

/** Needs the guard's decoration of requests. */
export async function mcpRoutes(app: FastifyInstance, options: McpRoutesOptions): Promise<void> {
  const { common, bodyLimits, endpointOf, sessions: hasSessions } = options
  const { connections, answer, answerAlone, audit, onerror } = common
  const { closing } = connections

  app.addHook('onRequest', async (request, reply) => {
    reply.raw.once('close', endpointOf(request).enter())
  })
  app.addHook('onRequest', (request, reply) => endpointOf(request).checkOrigin(request, reply))
  app.addHook('onRequest', async (_request, reply) => {
    if (closing.aborted) return refusePassing(reply, 'stopping')
  })
  app.setErrorHandler((error, _request, reply) => refuseError(reply, error))
  const methods = hasSessions ? ['GET', 'POST', 'DELETE'] : ['POST']
  app.options(anyPath, createPreflight(methods))

  const onRequest = (request: FastifyRequest, reply: FastifyReply) =>
    admitBearer(endpointOf(request).guard, request, reply)

  async function requireMessage(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { headers } = request
    const mayAnswer = hasSessions && headers['mcp-session-id'] !== undefined
    const refusal = refusalOf(request.body, { accepted: readAccept(headers.accept), mayAnswer })
    if (refusal) return refuseMessage(reply, refusal)
    request.body = withoutNulls(request.body)
  }

  function refuseMessage(reply: FastifyReply, { status, code, message, id, data }: MessageRefusal): FastifyReply {
    return refuseRpc(reply, status, code, message, id, data)
  }

  /** The one place where it is asked what a request needs. Undefined: it was refused. */
  async function permit(
    request: FastifyRequest,
    reply: FastifyReply,
    note: Note | undefined,
  ): Promise<Permitted | undefined> {
    const { body } = request
    const { guard, served, eraOf } = endpointOf(request)
    const [caller, era] = [callerOf(request), eraOf(request)]
    const headers = passableHeaders(request.raw)
    const operation = await served.operations.find(body as Message, { caller, headers, note })
    const { tool, scopes, isOpenTo } = operation
    if (operation.refusal) {
      refuseLimited(reply, operation.refusal, idOf(body))
      note?.({ decision: 'deny', outcome: 'refused', reason: operation.refusal.reason })
      return undefined
    }
    const mismatch = tool && era === 'modern' && findHeaderMismatch(request.headers, body, tool)
    const refusal = typeof era === 'object' ? era : mismatch
    if (refusal) {
      onerror(new Error(refusal.message))
      note?.({ outcome: 'error', reason: String(refusal.code) })
      refuseMessage(reply, { id: idOf(body), ...refusal })
      return undefined
    }
    note?.({ scopes: [...scopes] })
    if (refuseWithoutScopes(guard, request, reply, scopes)) {
      note?.({ decision: 'deny', outcome: 'refused', reason: 'insufficient_scope' })
      return undefined
    }
    if (isOpenTo) {
      note?.({ decision: 'allow' })
      return { caller, headers, operation, isLegacy: era === 'legacy' }
    }
    note?.({ decision: 'deny', outcome: 'refused', reason: 'people_only' })
    refuseRpc(reply, 403, rpcCodes.other, 'This tool is for people: a client cannot call it for itself')
    return undefined
  }

  async function answerMessage(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { resource } = endpointOf(request)
    const caller = callerOf(request)
    await inOperation(request.body, async (span) => {
      span?.set({ 'gatehouse.grant_id': grantOf(caller) })
      const trail = audit.begin(request, reply, { caller, resource })
      try {
        await answerPermitted(request, reply, noteOnSpan(span, trail?.note))
      } finally {
        trail?.done()
      }
    })
  }

  async function answerPermitted(request: FastifyRequest, reply: FastifyReply, note: Note | undefined): Promise<void> {
    const permitted = await permit(request, reply, note)
    if (!permitted) return
    const { caller, headers, operation, isLegacy } = permitted
    const { path, sessions } = endpointOf(request)
    const authInfo = authInfoOf({ caller, headers, note })
    // The path alone: a query has nothing to say here, and an absolute request target would not make a URL.
    request.raw.url = path
    const served = isLegacy ? await sessions?.post(request, reply, { caller, authInfo }) : undefined
    if (served !== 'refused') {
      const serve =
        served ?? shortWay(request, reply, authInfo, isLegacy) ?? serveAlone(request, reply, authInfo, operation)
      await connections.hand(request, reply, { caller, serve, isStream: operation.staysOpen })
    }
  }

  // The one route that reads a body, which is JSON.
  app.register((posts, _options, done) => {
    const whileHeld = readWithinBudget(posts, bodyLimits)
    posts.post(anyPath, { onRequest, preHandler: requireMessage }, async (request, reply) => {
      await whileHeld(request, () => answerMessage(request, reply))
      return reply
    })
    done()
  })

  /** See exchanges.ts. Undefined: it has to go the long way. */
  function shortWay(
    request: FastifyRequest,
    reply: FastifyReply,
    authInfo: AuthInfo,
    isLegacy: boolean,
  ): Serve | undefined {
    const message = isLegacy ? undefined : requestAlone(request)
    const opened = message && endpointOf(request).exchangesFor(authInfo)
    if (!message || !opened) return undefined
    return async () => {
      const exchanges = await opened
      await answerAlone(request, reply, (asker) => exchanges.begin(message, authInfo, asker))
    }
  }

  /** One request that stands alone, in whichever era. */
  function serveAlone(request: FastifyRequest, reply: FastifyReply, authInfo: AuthInfo, { method }: Operation): Serve {
    const { handler, listening: listen, ending: closed } = endpointOf(request)
    return (life) => {
      // A tool that is still at work when the token expires says so itself, see server.ts.
      const { body } = request
      return answer(request, reply, (incoming) => {
        if (method !== 'subscriptions/listen') {
          return withStatus((told) => handler.fetch(incoming, { authInfo: told(authInfo), parsedBody: body }))
        }
        const listening = listen(authInfo, body as Message)
        const ending = endingWith(incoming, life, closed)
        const end = (): void => void listening.close()
        closed.addEventListener('abort', end, { once: true })
        reply.raw.once('close', () => closed.removeEventListener('abort', end))
        return listening.fetch(ending, { authInfo, parsedBody: body })
      })
    }
  }

  if (hasSessions) {
    app.get(anyPath, { onRequest, exposeHeadRoute: false }, async (request, reply) => {
      const caller = callerOf(request)
      const serve = await sessionsOf(request).get(request, reply, caller)
      if (serve !== 'refused') await connections.hand(request, reply, { caller, serve, isStream: true })
      return reply
    })
    app.delete(anyPath, { onRequest }, async (request, reply) => {
      await sessionsOf(request).delete(request, reply, callerOf(request))
      return reply
    })
  }
  function sessionsOf(request: FastifyRequest) {
    const { sessions } = endpointOf(request)
    if (!sessions) throw new Error('there are no sessions at this endpoint')
    return sessions
  }

  app.route({
    method: hasSessions ? ['PUT', 'PATCH', 'HEAD'] : ['GET', 'DELETE', 'PUT', 'PATCH'],
    url: anyPath,
    onRequest,
    handler: async (_request, reply) =>
      refuseRpc(
        reply.header('allow', [...methods, 'OPTIONS'].join(', ')),
        405,
        rpcCodes.other,
        'Method not allowed: send messages with POST',
      ),
  })

  // In preClose: while a stream is open the server cannot close, and onClose would never come.
  app.addHook('preClose', async () => {
    await connections.close(options.stop)
    await options.close()
    // Node closes connections that are quiet by now. Those that fall quiet later, or never said anything, would keep the
    // server from closing.
    setTimeout(() => app.server.closeAllConnections(), quietLimit).unref()
  })
}

/**
 * 2026-07-28: 404 for a method that nobody knows. The SDK says so where it has no handler; where others are asked, they are
 * the ones to say so.
 */
async function withStatus(fetch: (told: (info: AuthInfo) => AuthInfo) => Promise<Response>): Promise<Response> {
  let isUnknown = false
  const onUnknownMethod = (): void => {
    isUnknown = true
  }
  const response = await fetch((info) => ({ ...info, extra: { ...info.extra, onUnknownMethod } }))
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  return isUnknown && isJson ? new Response(response.body, { status: 404, headers: response.headers }) : response
}

function endingWith(request: Request, ...signals: readonly AbortSignal[]): Request {
  return new Request(request, { signal: AbortSignal.any([request.signal, ...signals]) })
}

/** What the SDK is told about the caller. Not the token, nor its scopes: nothing behind this point has a use for them. */
function authInfoOf({ caller, ...request }: Pick<ServedRequest, 'headers' | 'note'> & { caller: Caller }): AuthInfo {
  const extra = { caller, ...request }
  return { token: '', clientId: caller.clientId, scopes: [], expiresAt: caller.expiresAt, extra }
}

function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === null) throw new Error('the guard let a request pass without a caller')
  return caller
}
