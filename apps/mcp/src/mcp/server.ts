import {
  McpServer,
  requireScopes,
  type ServerContext,
  type ServerEventBus,
  type ServerOptions,
} from '@modelcontextprotocol/server'
import type { Prompt } from '../prompts/prompt.ts'
import type { Resource } from '../resources/resource.ts'
import { type Notify, type Tool, type ToolCaller, text } from '../tools/tool.ts'
import { isListed } from './operations.ts'
import { answerInPlainWords } from './plain-errors.ts'
import { lifeOf } from './token-life.ts'

/** What this server has. */
export interface Features {
  readonly tools: readonly Tool[]
  readonly prompts: readonly Prompt[]
  readonly resources: readonly Resource[]
  /**
   * Judges the `requestState` that a client brings back (2026-07-28), which it could have made up: throws, or returns what
   * it says. Nothing here hands any out, so by default all of it is refused.
   */
  readonly verifyRequestState?: VerifyRequestState
  /** What clients that listen (2026-07-28) hear of. Nothing of ours changes while we run, so by default they hear nothing. */
  readonly events?: ServerEventBus
  /** For tests: adds to each fresh server what the shapes above do not cover. */
  readonly extend?: (server: McpServer) => void
}

export type VerifyRequestState = NonNullable<NonNullable<ServerOptions['requestState']>['verify']>

const refuseRequestState: VerifyRequestState = () => {
  throw new Error('nobody here gave it out')
}

export interface McpServerContext {
  readonly features: Features
  readonly caller: ToolCaller
  /** Of the one request that the server is made for. */
  readonly method: string
  /** Told what a tool threw. The caller is not. */
  readonly onToolFailure: (tool: string, error: unknown) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** How long a client may keep a list: it changes with a release, or with the caller's scopes. */
const listHint = { ttlMs: 60_000, cacheScope: 'private' } as const // private: lists differ by caller

/**
 * A fresh MCP server for one request of one caller: nothing of a caller outlives the request, so that nothing can reach
 * another. The caller may read (see operations.ts). Asked for its tools, it has those that the caller may use; for a call
 * it has all of them, and the SDK asks of the very tool it is about to run what it takes: a missing scope is a 403 that
 * names all of them, and a client can step up.
 */
export function createMcpServer(context: McpServerContext): McpServer {
  const { features, caller, method } = context
  const server = new McpServer(
    { name: 'gatehouse', title: 'Gatehouse MCP server', version: '0.1.0' },
    {
      // The lists do not change while we run, so nobody needs to wait for news of them.
      capabilities: {
        tools: { listChanged: false },
        prompts: { listChanged: false },
        resources: { listChanged: false },
        logging: {},
      },
      requestState: { verify: features.verifyRequestState ?? refuseRequestState },
      cacheHints: {
        'tools/list': listHint,
        'prompts/list': listHint,
        'resources/list': listHint,
        'resources/templates/list': listHint,
        'resources/read': listHint,
        'server/discover': listHint,
      },
    },
  )
  const tools = method === 'tools/list' ? features.tools.filter((tool) => isListed(tool, caller)) : features.tools
  for (const tool of tools) addTool(server, tool, context)
  for (const prompt of features.prompts) addPrompt(server, prompt)
  for (const resource of features.resources) addResource(server, resource)
  features.extend?.(server)
  answerInPlainWords(server)
  return server
}

function addTool(server: McpServer, tool: Tool, { caller, onToolFailure, clock }: McpServerContext): void {
  const { name, title, description, scopes, input } = tool
  const config = { title, description, inputSchema: input, scopeChallenge: requireScopes(...scopes) }
  server.registerTool(name, config, async (given, context) => {
    using life = lifeOf(caller, clock())
    const signal = AbortSignal.any([context.mcpReq.signal, life.signal])
    try {
      const result = Promise.resolve(tool.run({ input: given, caller, notify: createNotify(context), signal }))
      // Whatever the tool makes of the signal: nothing is sent under a token that has expired.
      return await Promise.race([result, rejectOn(life.signal)])
    } catch (error) {
      if (life.signal.aborted)
        return { ...text('The access token expired: get another one and call again'), isError: true }
      if (!signal.aborted) onToolFailure(name, error)
      return { ...text('The tool failed'), isError: true }
    }
  })
}

function addPrompt(server: McpServer, { name, title, description, args, render }: Prompt): void {
  server.registerPrompt(name, { title, description, argsSchema: args }, (given) => render(given))
}

function addResource(server: McpServer, resource: Resource): void {
  const { uri, name, title, description, mimeType } = resource
  server.registerResource(name, uri, { title, description, mimeType }, async () => ({
    contents: [{ uri, mimeType, text: await resource.read() }],
  }))
}

function createNotify({ mcpReq }: ServerContext): Notify {
  const progressToken = mcpReq._meta?.progressToken
  return {
    message: (data) => mcpReq.log('info', data),
    async progress(progress, total, message) {
      if (progressToken === undefined) return
      const params = { progressToken, progress, total, ...(message !== undefined && { message }) }
      await mcpReq.notify({ method: 'notifications/progress', params })
    },
  }
}

function rejectOn(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
