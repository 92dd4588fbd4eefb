// The MCP endpoint: what has to be right before the SDK sees a request, in the order in which it is asked. Where the
// page is from (origins.ts), who calls (the guard), whether there is one message, what it needs (operations.ts), whether
// there is room for another stream (stream-limits.ts). Requests in a session of the 2025 era go to
// session-answers.ts; the SDK serves all others without one, of both eras.
import { type Caller, type Guard, resourceMetadataUrl } from '@gatehouse/guard'
import { literalRoute, refuseWithoutScopes, requireBearer } from '@gatehouse/guard/fastify'
import type { SessionStore } from '@gatehouse/mcp-sessions'
import { effectiveScopes } from '@gatehouse/shared'
import { type AuthInfo, classifyInboundRequest, createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { refuseError, refuseRpc, rpcCodes } from '../errors.ts'
import { withoutNulls } from './absent-members.ts'
import { readAccept } from './accept.ts'
import { createAnswer } from './answer.ts'
import { type BodyLimits, readWithinBudget } from './body-budget.ts'
import { createConnections, type Serve } from './connections.ts'
import { isOneMessage, nameIn } from './message.ts'
import { refusalOf } from './message-refusal.ts'
import { mayCall, scopesFor, staysOpen } from './operations.ts'
import { createOriginCheck, createPreflight } from './origins.ts'
import { createMcpServer, type Features } from './server.ts'
import { createSessionAnswers } from './session-answers.ts'
import type { StreamLimits } from './stream-limits.ts'
import { createUnsentBytes, type UnsentLimits } from './unsent-bytes.ts'

export interface McpEndpointOptions {
  readonly config: Config
  readonly guard: Guard
  readonly features: Features
  /** Undefined: no sessions. */
  readonly store: SessionStore | undefined
  readonly streamLimits: StreamLimits
  readonly unsentLimits: UnsentLimits
  readonly bodyLimits: BodyLimits
  /** Milliseconds without a word after which an open stream has a comment. */
  readonly keepAlive: number
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** Milliseconds for calls to end in before a shutdown ends them. */
  readonly answerLimit: number
}

/** Milliseconds for connections to fall quiet in when all that was asked is answered. */
const quietLimit = 500

/** Needs the guard's plugin on the server. */
export async function mcpEndpoint(app: FastifyInstance, options: McpEndpointOptions): Promise<void> {
  const { config, guard, features, store, streamLimits, unsentLimits, bodyLimits, keepAlive, clock, answerLimit } =
    options
  const path = new URL(config.resource).pathname
  const route = literalRoute(path)
  // Of requests that it refuses as well as of its own failures; it does not say which.
  const onerror = (error: Error): void => app.log.info({ err: error }, 'MCP request failed')
  const onToolFailure = (tool: string, err: unknown): void => app.log.error({ tool, err }, 'tool failed')
  const createServer = (authInfo: AuthInfo | undefined): McpServer =>
    createMcpServer({ features, ...calledBy(authInfo), onToolFailure, clock })

  const connections = createConnections({ limits: streamLimits, answerLimit, clock, onerror })
  const { closing } = connections
  const unsent = createUnsentBytes(unsentLimits, (bytes) =>
    app.log.info({ bytes }, 'a client was disconnected that does not read what it is sent'),
  )
  const answer = createAnswer({ unsent, keepAlive, onerror })
  const handler = createMcpHandler(({ authInfo }) => createServer(authInfo), {
    onerror,
    keepAliveMs: keepAlive,
    maxSubscriptions: streamLimits.total,
    ...(features.events && { bus: features.events }),
  })
  const sessions =
    store &&
    createSessionAnswers({
      store,
      issuer: config.issuer,
      resource: config.resource,
      createServer,
      answer,
      unsent,
      keepAlive,
      closing,
      onerror,
      onRefusal: (reason) => app.log.warn({ reason }, 'a client is served without a session'),
    })

  app.addHook('onRequest', createOriginCheck(config))
  app.addHook('onRequest', async (_request, reply) => {
    if (closing.aborted)
      return refuseRpc(reply.header('retry-after', '1'), 503, rpcCodes.other, 'Stopping: try again shortly')
  })
  app.setErrorHandler((error, _request, reply) => refuseError(reply, error))
  const methods = sessions ? ['GET', 'POST', 'DELETE'] : ['POST']
  app.options(route, createPreflight(methods))

  const onRequest = requireBearer(guard)

  async function requireMessage(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { headers } = request
    const mayAnswer = sessions !== undefined && headers['mcp-session-id'] !== undefined
    const refusal = refusalOf(request.body, { accepted: readAccept(headers.accept), mayAnswer })
    if (refusal) return refuseRpc(reply, refusal.status, refusal.code, refusal.message, refusal.id)
    const body = withoutNulls(request.body)
    request.body = body
    if (!isOneMessage(body)) return
    if (refuseWithoutScopes(guard, request, reply, scopesFor(body.method))) return reply
    const tool = body.method === 'tools/call' ? features.tools.find(({ name }) => name === nameIn(body)) : undefined
    if (!tool || mayCall(tool, callerOf(request))) return
    return refuseRpc(reply, 403, rpcCodes.other, 'This tool is for people: a client cannot call it for itself')
  }

  async function answerMessage(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const body = request.body as { readonly method?: string; readonly params?: unknown }
    const { method = '' } = body
    const caller = callerOf(request)
    const authInfo = authInfoOf(caller, method, config.resource)
    // The path alone: a query has nothing to say here, and an absolute request target would not make a URL.
    request.raw.url = path
    const served = isLegacy(request) ? await sessions?.post(request, reply, { caller, authInfo }) : undefined
    if (served !== 'refused') {
      const serve = served ?? serveAlone(request, reply, authInfo, method)
      const tool = features.tools.find(({ name }) => name === nameIn(body))
      await connections.hand(request, reply, { caller, serve, isStream: staysOpen(method, tool) })
    }
  }

  // The one route that reads a body, which is JSON.
  app.register((posts, _options, done) => {
    const whileHeld = readWithinBudget(posts, bodyLimits)
    posts.post(route, { onRequest, preHandler: requireMessage }, async (request, reply) => {
      await whileHeld(request, () => answerMessage(request, reply))
      return reply
    })
    done()
  })

  /** One request that stands alone, in whichever era. */
  function serveAlone(request: FastifyRequest, reply: FastifyReply, authInfo: AuthInfo, method: string): Serve {
    return (life) => {
      // A tool that is still at work when the token expires says so itself, see server.ts.
      const ends = method === 'subscriptions/listen'
      return answer(request, reply, (incoming) =>
        handler.fetch(ends ? endingWith(incoming, life, closing) : incoming, { authInfo, parsedBody: request.body }),
      )
    }
  }

  if (sessions) {
    app.get(route, { onRequest, exposeHeadRoute: false }, async (request, reply) => {
      const caller = callerOf(request)
      const serve = await sessions.get(request, reply, caller)
      if (serve !== 'refused') await connections.hand(request, reply, { caller, serve, isStream: true })
      return reply
    })
    app.delete(route, { onRequest }, async (request, reply) => {
      await sessions.delete(request, reply, callerOf(request))
      return reply
    })
  }
  app.route({
    method: sessions ? ['PUT', 'PATCH', 'HEAD'] : ['GET', 'DELETE', 'PUT', 'PATCH'],
    url: route,
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
    await connections.close(() => Promise.all([handler.close(), sessions?.close()]))
    // Node closes connections that are quiet by now. Those that fall quiet later, or never said anything, would keep the
    // server from closing.
    setTimeout(() => app.server.closeAllConnections(), quietLimit).unref()
  })
}

/** The SDK's own judgement of which era a request is of. What it refuses is for the newer one to answer. */
function isLegacy({ method, headers, body }: FastifyRequest): boolean {
  const outcome = classifyInboundRequest({
    httpMethod: method,
    protocolVersionHeader: textOf(headers['mcp-protocol-version']),
    mcpMethodHeader: textOf(headers['mcp-method']),
    mcpNameHeader: textOf(headers['mcp-name']),
    body,
  } as Parameters<typeof classifyInboundRequest>[0])
  return outcome.kind === 'legacy'
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header
}

function endingWith(request: Request, ...signals: readonly AbortSignal[]): Request {
  return new Request(request, { signal: AbortSignal.any([request.signal, ...signals]) })
}

/** What the SDK is told about the caller. Not the token: nothing behind this point has a use for it. */
function authInfoOf(caller: Caller, method: string, resource: string): AuthInfo {
  return {
    token: '',
    clientId: caller.clientId,
    scopes: [...effectiveScopes(caller.scopes)],
    expiresAt: caller.expiresAt,
    resource: new URL(resource),
    resourceMetadataUrl: resourceMetadataUrl(resource),
    extra: { caller, method },
  }
}

function calledBy(auth: AuthInfo | undefined) {
  return auth?.extra as { readonly caller: Caller; readonly method: string }
}

function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === null) throw new Error('the guard let a request pass without a caller')
  return caller
}
