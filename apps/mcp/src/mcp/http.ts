// The MCP endpoint: what has to be right before the SDK sees a request, in the order in which it is asked. Where the
// page is from (origins.ts), who calls (the guard), whether there is one message, what it needs (operations.ts), whether
// there is room for another stream (stream-limits.ts). Requests in a session of the 2025 era go to legacy/; the SDK
// serves all others without one, of both eras.
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Caller, resourceMetadataUrl } from '@gatehouse/resource-guard'
import { effectiveScopes } from '@gatehouse/shared'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { type AuthInfo, classifyInboundRequest, createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { refuseError, refuseRpc, rpcCodes } from '../errors.ts'
import type { SessionStore } from '../store/contract.ts'
import { createLegacyEndpoint, type Serve } from './legacy/endpoint.ts'
import { isAnswer, isOneMessage, messageRule, nameIn } from './message.ts'
import { mayCall, scopesFor, staysOpen } from './operations.ts'
import { createOriginCheck, createPreflight } from './origins.ts'
import { createMcpServer, type Features } from './server.ts'
import { createOpenStreams, type StreamLimits } from './stream-limits.ts'
import { lifeOf } from './token-life.ts'

export interface McpEndpointOptions {
  readonly config: Config
  readonly features: Features
  /** Undefined: no sessions. */
  readonly store: SessionStore | undefined
  readonly streamLimits: StreamLimits
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  /** Milliseconds for calls to end in before a shutdown ends them. */
  readonly answerLimit: number
}

/** Milliseconds for the last answers to leave in, and then for connections to fall quiet in. */
const flushLimit = 1_000
const quietLimit = 500

/** Needs the resource guard on the server. */
export async function mcpEndpoint(app: FastifyInstance, options: McpEndpointOptions): Promise<void> {
  const { config, features, store, streamLimits, clock, answerLimit } = options
  const path = new URL(config.resource).pathname
  // Of requests that it refuses as well as of its own failures; it does not say which.
  const onerror = (error: Error): void => app.log.info({ err: error }, 'MCP request failed')
  const onToolFailure = (tool: string, err: unknown): void => app.log.error({ tool, err }, 'tool failed')
  const createServer = (authInfo: AuthInfo | undefined): McpServer =>
    createMcpServer({ features, ...calledBy(authInfo), onToolFailure, clock })

  const streams = createOpenStreams(streamLimits)
  const closing = new AbortController()
  const handler = createMcpHandler(({ authInfo }) => createServer(authInfo), {
    onerror,
    maxSubscriptions: streamLimits.total,
    ...(features.events && { bus: features.events }),
  })
  const legacy =
    store &&
    createLegacyEndpoint({
      store,
      issuer: config.issuer,
      resource: config.resource,
      createServer,
      closing: closing.signal,
      onerror,
      onRefusal: (reason) => app.log.warn({ reason }, 'a client is served without a session'),
    })
  const calls = new Set<Promise<void>>()

  app.addHook('onRequest', async (_request, reply) => {
    if (closing.signal.aborted)
      return refuseRpc(reply.header('retry-after', '1'), 503, rpcCodes.other, 'Stopping: try again shortly')
  })
  app.addHook('onRequest', createOriginCheck(config))
  app.setErrorHandler((error, _request, reply) => refuseError(reply, error))
  app.removeContentTypeParser('text/plain')
  const methods = legacy ? ['GET', 'POST', 'DELETE'] : ['POST']
  app.options(path, createPreflight(methods))

  const onRequest = app.requireBearer()

  /** Hands the connection over to what answers it, until the token expires. */
  async function hand(request: FastifyRequest, reply: FastifyReply, serve: Serve, isStream: boolean): Promise<void> {
    const caller = callerOf(request)
    const giveBack = isStream ? streams.take(caller.subject, request.ip) : () => undefined
    if (!giveBack) {
      refuseRpc(reply.header('retry-after', '10'), 429, rpcCodes.other, 'Too many open streams: close one first')
      return
    }
    reply.hijack() // which leaves the headers behind
    for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value ?? '')
    reply.raw.setHeader('cache-control', 'no-store')
    // The path alone: a query has nothing to say here, and an absolute request target would not make a URL.
    request.raw.url = path
    using life = lifeOf(caller, clock())
    const call = serve(life.signal)
      .catch((error: unknown) => {
        onerror(error as Error)
        reply.raw.destroy()
      })
      .then(() => finished(reply.raw).catch(() => undefined))
    calls.add(call)
    await call
    calls.delete(call)
    giveBack()
  }

  async function requireMessage(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { body, headers } = request
    if (legacy && headers['mcp-session-id'] !== undefined && isAnswer(body)) return
    if (!isOneMessage(body)) {
      return refuseRpc(reply, 400, rpcCodes.invalidRequest, `Invalid Request: ${messageRule}`)
    }
    if (reply.refuseWithoutScopes(scopesFor(body.method))) return reply
    const tool = body.method === 'tools/call' ? features.tools.find(({ name }) => name === nameIn(body)) : undefined
    if (!tool || mayCall(tool, callerOf(request))) return
    return refuseRpc(reply, 403, rpcCodes.other, 'This tool is for people: a client cannot call it for itself')
  }

  app.post(path, { onRequest, preHandler: requireMessage }, async (request, reply) => {
    const body = request.body as { readonly method?: string; readonly params?: unknown }
    const { method = '' } = body
    const authInfo = authInfoOf(callerOf(request), method, config.resource)
    const by = { caller: callerOf(request), authInfo }
    const served = isLegacy(request) ? await legacy?.post(request, reply, by) : undefined
    if (served !== 'refused') {
      const tool = features.tools.find(({ name }) => name === nameIn(body))
      await hand(request, reply, served ?? serveAlone(request, reply, by.authInfo, method), staysOpen(method, tool))
    }
    return reply
  })

  /** One request that stands alone, in whichever era. */
  function serveAlone(request: FastifyRequest, reply: FastifyReply, authInfo: AuthInfo, method: string): Serve {
    return (signal) => {
      // A tool that is still at work when the token expires says so itself, see server.ts.
      const ends = method === 'subscriptions/listen'
      const serve = toNodeHandler(
        {
          fetch: (incoming, given) =>
            handler.fetch(ends ? endingWith(incoming, signal, closing.signal) : incoming, { ...given, authInfo }),
        },
        { onerror },
      )
      return serve(request.raw as NodeIncomingMessageLike, reply.raw, request.body)
    }
  }

  if (legacy) {
    app.get(path, { onRequest, exposeHeadRoute: false }, async (request, reply) => {
      const caller = callerOf(request)
      const served = await legacy.get(request, reply, { caller, authInfo: authInfoOf(caller, '', config.resource) })
      if (served !== 'refused') await hand(request, reply, served, true)
      return reply
    })
    app.delete(path, { onRequest }, async (request, reply) => {
      const caller = callerOf(request)
      await legacy.delete(request, reply, { caller, authInfo: authInfoOf(caller, '', config.resource) })
      return reply
    })
  }
  app.route({
    method: legacy ? ['PUT', 'PATCH', 'HEAD'] : ['GET', 'DELETE', 'PUT', 'PATCH'],
    url: path,
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
  // A connection whose last answer is not out by then would be kept alive.
  const settled = (limit: number) =>
    Promise.race([Promise.all([...calls, legacy?.settled()]), sleep(limit, undefined, { ref: false })])
  app.addHook('preClose', async () => {
    closing.abort() // streams that wait end at once, so that their clients come back elsewhere
    await settled(answerLimit)
    await Promise.all([handler.close(), legacy?.close()])
    await settled(flushLimit)
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
