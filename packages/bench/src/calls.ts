// A call of a tool as clients of both eras send it, of any server.
import type { Caller } from './caller.ts'
import type { McpServer } from './gateways.ts'

const accept = 'application/json, text/event-stream'
const clientInfo = { name: 'bench', version: '1' }

/** Sends the call of the server's tool. Throws unless the answer has what that says. */
export type Call = () => Promise<void>

/** As a client of 2026-07-28: each request says all. */
export function callOf2026(caller: Caller, { token, tool }: McpServer): Call {
  const { name, arguments: args, answer } = tool
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': clientInfo,
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { name, arguments: args, _meta }
  const headers = {
    ...{ accept, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': name },
    ...(token && { authorization: `Bearer ${token}` }),
  }
  return () => call(caller, params, headers, answer)
}

/** As a client of 2025-11-25 in a session, which it opens first; or without one, if the server has none. */
export async function callOf2025(caller: Caller, { token, tool }: McpServer): Promise<Call> {
  const { name, arguments: args, answer } = tool
  const own = { accept, ...(token && { authorization: `Bearer ${token}` }) }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const opening = { jsonrpc: '2.0', id: 0, method: 'initialize', params }
  const opened = await caller.postJson('/mcp', opening, own)
  if (opened.status !== 200) throw new Error(`No session: ${opened.status} ${opened.text}`)
  const session = opened.headers['mcp-session-id']
  const headers = {
    ...{ ...own, 'mcp-protocol-version': '2025-11-25' },
    ...(typeof session === 'string' && { 'mcp-session-id': session }),
  }
  await caller.postJson('/mcp', { jsonrpc: '2.0', method: 'notifications/initialized' }, headers)
  return () => call(caller, { name, arguments: args }, headers, answer)
}

let calls = 0

async function call(caller: Caller, params: object, headers: Readonly<Record<string, string>>, expected: string) {
  calls += 1
  const { text } = await caller.postJson('/mcp', { jsonrpc: '2.0', id: calls, method: 'tools/call', params }, headers)
  if (!text.includes(expected)) throw new Error(`It answers otherwise than expected: ${text}`)
}
