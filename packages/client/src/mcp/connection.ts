// The MCP server behind a saved sign-in. The only folder, with discovery, that knows the MCP SDK.
import {
  type AuthProvider,
  type CallToolResult,
  Client,
  LOG_LEVEL_META_KEY,
  type Progress,
  StreamableHTTPClientTransport,
  type Tool,
} from '@modelcontextprotocol/client'
import { type Fetch, networkError } from '../network/guarded-fetch.ts'
import type { TokenSource } from '../session/token-source.ts'
import { version } from '../version.ts'
import { mcpError } from './mcp-error.ts'

export interface McpConnection {
  listTools(): Promise<readonly Tool[]>
  /** The tool's result, `isError` included. `onNotice` gets what the server says while the tool runs, uncleaned. */
  callTool(name: string, args: Record<string, unknown>, onNotice?: (notice: string) => void): Promise<CallToolResult>
  close(): Promise<void>
}

export interface ConnectOptions {
  readonly url: URL
  readonly tokens: TokenSource
  readonly fetch: Fetch
  readonly signal?: AbortSignal | undefined
}

const CLOSE_SECONDS = 2

/** Connects with whichever protocol the server speaks: 2026-07-28, or 2025-11-25 and older. */
export async function connectToServer({ url, tokens, fetch, signal }: ConnectOptions): Promise<McpConnection> {
  const transport = new StreamableHTTPClientTransport(url, {
    authProvider: createAuthProvider(tokens),
    onInsufficientScope: 'throw',
    async fetch(input, init) {
      return fetch(String(input), init).catch((error: unknown) => {
        throw networkError(url, error)
      })
    },
  })
  const client = new Client({ name: 'gatehouse', version }, { versionNegotiation: { mode: 'auto' } })
  let onNotice: (notice: string) => void = () => {}
  client.setNotificationHandler('notifications/message', ({ params }) => {
    onNotice(typeof params.data === 'string' ? params.data : JSON.stringify(params.data))
  })
  const translated = <T>(request: Promise<T>): Promise<T> =>
    request.catch((error: unknown) => {
      signal?.throwIfAborted()
      throw mcpError(url, error)
    })
  await translated(client.connect(transport, { ...(signal && { signal }) }))

  return {
    listTools: async () => (await translated(client.listTools(undefined, { ...(signal && { signal }) }))).tools,
    callTool(name, args, listener) {
      if (listener) onNotice = listener
      const params = { name, arguments: args, _meta: { [LOG_LEVEL_META_KEY]: 'info' } }
      const onprogress = (progress: Progress) => onNotice(progressLine(progress))
      return translated(
        client.callTool(params, { onprogress, resetTimeoutOnProgress: true, ...(signal && { signal }) }),
      )
    },
    async close() {
      const leaving = transport.sessionId === undefined ? undefined : transport.terminateSession().catch(() => {})
      await Promise.race([leaving, new Promise((resolve) => setTimeout(resolve, CLOSE_SECONDS * 1000).unref())])
      await client.close()
    },
  }
}

/** The hook of the SDK's transport: a token before each request, another one after a 401, once. */
function createAuthProvider(tokens: TokenSource): AuthProvider {
  let sent = ''
  return {
    async token() {
      sent = (await tokens.current()).accessToken
      return sent
    },
    async onUnauthorized() {
      await tokens.replace(sent)
    },
  }
}

function progressLine({ progress, total, message }: Progress): string {
  const count = total === undefined ? `${progress}` : `${progress}/${total}`
  return message === undefined ? count : `${count} ${message}`
}
