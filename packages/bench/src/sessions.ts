// What the gateway keeps for clients: a session of the 2025 era, and a call of 2026-07-28 that waits for its caller's answer.
import { createTokenIssuer, freePorts, type TokenIssuer } from '@gatehouse/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { type McpServer, startGateway, startUpstream } from './gateways.ts'
import { keptMemory } from './inspector.ts'
import type { Measurement, Row } from './measurement.ts'
import { spread } from './statistics.ts'

const toolCounts = [1, 1_000]
const warmUp = 300
const sessionCount = 200
const parkedCount = 100

export const sessions: Measurement = {
  about: 'what the gateway keeps for a session, and for a call that waits for an answer, with 1 and 1,000 tools',
  async run(say) {
    await using issuer = await createTokenIssuer()
    const rows: Row[] = []
    for (const tools of toolCounts) {
      say(`${sessionCount} sessions and ${parkedCount} calls, ${tools} tools`)
      const figures = await measure(issuer, tools)
      rows.push({
        of: `${tools} tools`,
        figures: { 'KB a session': spread([figures.session]), 'KB a parked call': spread([figures.call]) },
      })
    }
    return rows
  },
}

async function measure(
  issuer: TokenIssuer,
  tools: number,
): Promise<{ readonly session: number; readonly call: number }> {
  const [inspector = 0] = await freePorts(1)
  await using server = await startUpstream('2025', tools)
  await using gateway = await startGateway(issuer, {
    upstream: { url: server.url, concurrency: 1_000, default: 'allow' },
    parked: parkedCount,
    node: [`--inspect=127.0.0.1:${inspector}`],
  })
  const first = await connect(gateway)
  for (let call = 0; call < warmUp; call += 1) await first.callTool({ name: 'tool_0', arguments: { text: 'hello' } })
  const begun = await keptMemory(inspector)
  const clients: Client[] = []
  for (let opened = 0; opened < sessionCount; opened += 1) clients.push(await connect(gateway))
  const opened = await keptMemory(inspector)
  await Promise.all([first, ...clients].map((client) => client.close()))
  const quiet = await keptMemory(inspector)
  for (let call = 0; call < parkedCount; call += 1) await park(gateway)
  const waiting = await keptMemory(inspector)
  return { session: ((opened - begun) * 1024) / sessionCount, call: ((waiting - quiet) * 1024) / parkedCount }
}

async function connect({ url, token }: McpServer): Promise<Client> {
  const client = new Client({ name: 'bench', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: { token: async () => token } }))
  await client.listTools()
  return client
}

/** The tool `ask` of the server asks its caller something. */
async function park({ url, token }: McpServer): Promise<void> {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } },
  }
  const params = { name: 'ask', arguments: {}, _meta }
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${token}`,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'ask',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  })
  const answer = await response.text()
  if (!answer.includes('input_required')) throw new Error(`The call did not wait: ${answer}`)
}
