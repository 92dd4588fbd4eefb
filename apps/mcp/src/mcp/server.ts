import {
  type CallToolRequest,
  type CallToolResult,
  type Implementation,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server'
import type { InputRequired, Source, SourceCaller, SourceContext, VerifyRequestState } from '../sources/source.ts'
import { sharedVersions } from './exchanges.ts'
import { createOperations, findTool, type SourceOperations } from './operations.ts'
import { answerInPlainWords } from './plain-errors.ts'
import type { Policy } from './policy.ts'
import { type Served, servedIn } from './served.ts'
import { lifeOf } from './token-life.ts'

const refuseRequestState: VerifyRequestState = () => {
  throw new Error('nobody here gave it out')
}

export interface McpServerContext {
  /** How the server introduces itself. */
  readonly identity: Implementation
  readonly source: Source
  readonly operations: SourceOperations
  /** Who calls with this request. */
  readonly callerOf: (request: ServerContext) => SourceCaller
  /** By default those of the SDK. */
  readonly supportedProtocolVersions?: string[]
  /** Told what a tool threw. The caller is not. */
  readonly onToolFailure: (tool: string, error: unknown) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** How long a client may keep a list: it changes with a release, or with the caller's scopes. */
const listHint = { ttlMs: 60_000, cacheScope: 'private' } as const // private: lists differ by caller

/** A source, served as it is. */
export function serveSource(
  source: Source,
  { policy, ...options }: Pick<McpServerContext, 'identity' | 'onToolFailure' | 'clock'> & { readonly policy: Policy },
): Served {
  const operations = createOperations(source, policy)
  const parts = { ...options, source, operations }
  let shared: Server | undefined
  return {
    operations,
    createServer: ({ caller }) => createMcpServer({ ...parts, callerOf: () => caller }),
    sharedServer: () =>
      (shared ??= createMcpServer({
        ...parts,
        callerOf: ({ http }) => servedIn(http?.authInfo).caller,
        supportedProtocolVersions: sharedVersions,
      })),
    events: () => source.events,
  }
}

/**
 * A fresh MCP server for one request of one caller, or for many requests of 2026-07-28, each with its caller: nothing of a
 * caller is kept here, so that nothing can reach another. Whether the caller may have what they ask for was settled before:
 * see http.ts.
 */
export function createMcpServer(context: McpServerContext): Server {
  const { identity, source, operations, callerOf, supportedProtocolVersions } = context
  const server = new Server(identity, {
    ...(supportedProtocolVersions && { supportedProtocolVersions }),
    // The lists do not change while we run, so nobody needs to wait for news of them.
    capabilities: {
      tools: { listChanged: false },
      prompts: { listChanged: false },
      resources: { listChanged: false },
      logging: {},
      ...source.capabilities,
    },
    requestState: { verify: source.verifyRequestState ?? refuseRequestState },
    cacheHints: {
      'tools/list': listHint,
      'prompts/list': listHint,
      'resources/list': listHint,
      'resources/templates/list': listHint,
      'resources/read': listHint,
      'server/discover': listHint,
    },
  })
  const contextOf = (request: ServerContext, signal = request.mcpReq.signal): SourceContext => ({
    caller: callerOf(request),
    request,
    signal,
    announce: (notification) => server.notification(notification),
  })

  server.setRequestHandler('tools/list', async (_message, request) => ({
    tools: (await operations.toolsFor(callerOf(request))).map(({ definition }) => definition),
  }))
  server.setRequestHandler('tools/call', ({ params }, request) => callTool(server, params, context, request, contextOf))
  server.setRequestHandler('prompts/list', async () => ({ prompts: [...(await source.listPrompts())] }))
  server.setRequestHandler('prompts/get', async ({ params: { name, arguments: args = {} } }, request) => {
    const isThere = (await source.listPrompts()).some((prompt) => prompt.name === name)
    if (!isThere) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Prompt ${name} not found`)
    return source.getPrompt(name, args, contextOf(request))
  })
  server.setRequestHandler('resources/list', async () => ({ resources: [...(await source.listResources())] }))
  server.setRequestHandler('resources/templates/list', async () => ({
    resourceTemplates: [...(await source.listResourceTemplates())],
  }))
  server.setRequestHandler('resources/read', async ({ params: { uri } }, request) => {
    const address = URL.parse(uri)?.href
    if (address === undefined) {
      const data = { uri, reason: 'invalid_uri' }
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Resource URI ${uri} is invalid`, data)
    }
    const result = await source.readResource(address, contextOf(request))
    if (!result) throw new ResourceNotFoundError(uri)
    return result
  })
  source.extend?.(server)
  answerInPlainWords(server)
  return server
}

async function callTool(
  server: Server,
  { name, arguments: args = {} }: CallToolRequest['params'],
  { source, callerOf, onToolFailure, clock }: McpServerContext,
  request: ServerContext,
  contextOf: (request: ServerContext, signal: AbortSignal) => SourceContext,
): Promise<CallToolResult | InputRequired> {
  const tool = await findTool(source, name)
  if (!tool) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Tool ${name} not found`)
  using life = lifeOf(callerOf(request), clock())
  const signal = AbortSignal.any([request.mcpReq.signal, life.signal])
  try {
    const called = source.callTool(name, args, contextOf(request, signal))
    // Whatever the tool makes of the signal: nothing is sent under a token that has expired.
    const result = await Promise.race([called, rejectOn(life.signal)])
    if (isInputRequiredResult(result)) return result
    return server.projectCallToolResult(result, tool.definition.outputSchema)
  } catch (error) {
    if (life.signal.aborted) return failure('The access token expired: get another one and call again')
    if (!signal.aborted) onToolFailure(name, error)
    return failure('The tool failed')
  }
}

function failure(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true }
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
