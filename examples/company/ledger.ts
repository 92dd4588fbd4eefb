// The ledger of the company: an MCP server over Streamable HTTP, with a session for each caller of the gateway. It lets in who
// shows its one credential, and believes that one who calls. Of groups, scopes and limits it knows nothing.
//   node ledger.ts [port]
import { randomUUID, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type NodeIncomingMessageLike, NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { z } from 'zod'

const [port = '8080'] = process.argv.slice(2)
const credential = Buffer.from(readFileSync(join(import.meta.dirname, 'secrets/ledger-authorization'), 'utf8').trim())
const balances = new Map([
  ['operations', 1_000_000],
  ['travel', 0],
])

const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
const balanceOf = (id: string) => `${id}: ${balances.get(id) ?? 'no such account'}`
const all = () => [...balances.keys()].map(balanceOf).join('\n')
const ask = (words: string) => ({
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: words } }],
})

function createLedger(): McpServer {
  const server = new McpServer({ name: 'ledger', version: '1.0.0' })
  const id = z.string().describe('Name of the account')

  server.registerTool('list_accounts', { description: 'All accounts, with what is on them.' }, () => text(all()))
  server.registerTool(
    'get_account',
    { description: 'What is on an account.', inputSchema: z.object({ id }) },
    (account) => text(balanceOf(account.id)),
  )
  server.registerTool(
    'transfer',
    {
      description: 'Moves money from one account to another.',
      inputSchema: z.object({ from: id, to: id, amount: z.number(), memo: z.string().optional() }),
      annotations: { destructiveHint: true },
    },
    ({ from, to, amount, memo = '' }, { http }) => {
      balances.set(from, (balances.get(from) ?? 0) - amount)
      balances.set(to, (balances.get(to) ?? 0) + amount)
      const caller = http?.req?.headers.get('gatehouse-caller') ?? 'nobody'
      console.log(`transfer of ${amount} from ${from} to ${to} by ${caller}: ${memo}`)
      return text(`${amount} moved from ${from} to ${to} by ${caller}: ${memo}`)
    },
  )
  server.registerTool(
    'close_account',
    {
      description: 'Closes an account for good.',
      inputSchema: z.object({ id }),
      annotations: { destructiveHint: true },
    },
    (account) => text(balances.delete(account.id) ? `${account.id} is closed` : 'no such account'),
  )

  server.registerPrompt(
    'explain_account',
    { description: 'Explains an account to somebody new.', argsSchema: z.object({ id }) },
    (account) => ask(`Explain what the account ${account.id} is for.`),
  )
  server.registerPrompt('close_month', { description: 'What finance does at the end of a month.' }, () =>
    ask('Compare all accounts with the bank, and say what differs.'),
  )

  const plain = (uri: URL, value: string) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: value }] })
  server.registerResource('accounts', 'ledger://accounts', { description: 'All accounts.' }, (uri) => plain(uri, all()))
  server.registerResource('payroll', 'ledger://payroll', { description: 'Who earns what.' }, (uri) =>
    plain(uri, 'ada 4,000, ben 3,900'),
  )
  const template = new ResourceTemplate('ledger://accounts/{id}', { list: undefined })
  server.registerResource('account', template, { description: 'One account.' }, (uri, values) =>
    plain(uri, balanceOf(String(values.id))),
  )
  return server
}

const sessions = new Map<string, NodeStreamableHTTPServerTransport>()

const server = createServer(async (request, response) => {
  const shown = Buffer.from(request.headers.authorization ?? '')
  if (shown.length !== credential.length || !timingSafeEqual(shown, credential)) return response.writeHead(401).end()
  const session = request.headers['mcp-session-id']
  const known = sessions.get(String(session))
  if (!known && session !== undefined) return response.writeHead(404).end()
  const transport = known ?? (await open())
  return transport.handleRequest(request as NodeIncomingMessageLike, response)
})

async function open(): Promise<NodeStreamableHTTPServerTransport> {
  const transport = new NodeStreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id),
  })
  await createLedger().connect(transport)
  return transport
}

server.listen(Number(port), 'localhost', () => console.log(`The ledger listens at http://localhost:${port}/mcp`))
