// The MCP endpoint: what has to be right before the SDK sees a request, in the order in which it is asked. Where the
// page is from (origins.ts), who calls (the guard), whether there is one message, what it needs (operations.ts). The
// SDK then serves both protocol eras, without sessions.
import { type Caller, resourceMetadataUrl } from '@gatehouse/resource-guard'
import { effectiveScopes } from '@gatehouse/shared'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { type AuthInfo, createMcpHandler } from '@modelcontextprotocol/server'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config.ts'
import { refuseBody, refuseRpc, rpcCodes } from '../errors.ts'
import type { Tool } from '../tools/tool.ts'
import { isOneMessage, messageRule } from './message.ts'
import { scopesFor } from './operations.ts'
import { answerPreflight, createOriginCheck } from './origins.ts'
import { createMcpServer } from './server.ts'

export interface McpEndpointOptions {
  readonly config: Config
  readonly tools: readonly Tool[]
}

/** Milliseconds for calls to end in before a shutdown cuts them off. */
const closeLimit = 5_000

/** Needs the resource guard on the server. */
export async function mcpEndpoint(app: FastifyInstance, { config, tools }: McpEndpointOptions): Promise<void> {
  const path = new URL(config.resource).pathname
  // Of requests that it refuses as well as of its own failures; it does not say which.
  const onerror = (error: Error): void => app.log.info({ err: error }, 'MCP request failed')
  const onToolFailure = (tool: string, err: unknown): void => app.log.error({ tool, err }, 'tool failed')
  const handler = createMcpHandler(
    ({ authInfo }) => createMcpServer({ tools, caller: callerOf(authInfo), onToolFailure }),
    { onerror },
  )
  const serve = toNodeHandler(handler, { onerror })
  const calls = new Set<Promise<void>>()

  app.addHook('onRequest', createOriginCheck(config))
  app.setErrorHandler((error, _request, reply) => refuseBody(reply, error))
  app.removeContentTypeParser('text/plain')
  app.options(path, answerPreflight)

  const onRequest = app.requireBearer()
  app.post(path, { onRequest, preHandler: requireMessage }, async (request, reply) => {
    reply.hijack() // which leaves the headers behind
    for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value ?? '')
    reply.raw.setHeader('cache-control', 'no-store')
    // The path alone: a query has nothing to say here, and an absolute request target would not make a URL.
    const message = Object.assign(request.raw, { url: path, auth: authInfoOf(request.caller, config.resource) })
    const call = serve(message as NodeIncomingMessageLike, reply.raw, request.body)
    calls.add(call)
    await call.finally(() => calls.delete(call))
  })
  // Without sessions there is no stream to open and nothing to delete.
  app.route({
    method: ['GET', 'DELETE', 'PUT', 'PATCH'],
    url: path,
    onRequest,
    handler: async (_request, reply) =>
      refuseRpc(
        reply.header('allow', 'POST, OPTIONS'),
        405,
        rpcCodes.other,
        'Method not allowed: send messages with POST',
      ),
  })
  // In preClose: while a stream is open the server cannot close, and onClose would never come.
  app.addHook('preClose', async () => {
    await Promise.race([Promise.allSettled(calls), new Promise((resolve) => setTimeout(resolve, closeLimit).unref())])
    await handler.close()
  })
}

async function requireMessage({ body }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
  if (isOneMessage(body)) return reply.refuseWithoutScopes(scopesFor(body.method)) ? reply : undefined
  return refuseRpc(reply, 400, rpcCodes.invalidRequest, `Invalid Request: ${messageRule}`)
}

/** What the SDK is told about the caller. Not the token: nothing behind this point has a use for it. */
function authInfoOf(caller: Caller | null, resource: string): AuthInfo {
  if (caller === null) throw new Error('the guard let a request pass without a caller')
  return {
    token: '',
    clientId: caller.clientId,
    scopes: [...effectiveScopes(caller.scopes)],
    expiresAt: caller.expiresAt,
    resource: new URL(resource),
    resourceMetadataUrl: resourceMetadataUrl(resource),
    extra: { caller },
  }
}

function callerOf(auth: AuthInfo | undefined): Caller {
  return auth?.extra?.caller as Caller
}
