import { McpServer, requireScopes } from '@modelcontextprotocol/server'
import { type Tool, type ToolCaller, text } from '../tools/tool.ts'

export interface McpServerContext {
  readonly tools: readonly Tool[]
  readonly caller: ToolCaller
  /** Told what a tool threw. The caller is not. */
  readonly onToolFailure: (tool: string, error: unknown) => void
}

/** Milliseconds for which a client may keep the list of tools: it changes with a release, or with the caller's scopes. */
const listLifetime = 60_000

/**
 * A fresh MCP server for one request of one caller: nothing of a caller outlives the request, so that nothing can reach
 * another. The caller may read (see operations.ts), so all tools are listed; which of them he may call is asked at the
 * call, by the SDK, of the very tool it is about to run: a missing scope is a 403 that names all of them, and a client
 * can step up.
 */
export function createMcpServer({ tools, caller, onToolFailure }: McpServerContext): McpServer {
  const server = new McpServer(
    { name: 'gatehouse', title: 'Gatehouse MCP server', version: '0.1.0' },
    {
      // The list does not change while we run, so nobody needs to wait for news of it.
      capabilities: { tools: { listChanged: false } },
      // private: whether there is an answer at all depends on who asks.
      cacheHints: { 'tools/list': { ttlMs: listLifetime, cacheScope: 'private' } },
    },
  )
  for (const { name, title, description, scopes, input, run } of tools) {
    const config = { title, description, inputSchema: input, scopeChallenge: requireScopes(...scopes) }
    server.registerTool(name, config, async (given) => {
      try {
        return await run({ input: given, caller })
      } catch (error) {
        onToolFailure(name, error)
        return { ...text('The tool failed'), isError: true }
      }
    })
  }
  return server
}
