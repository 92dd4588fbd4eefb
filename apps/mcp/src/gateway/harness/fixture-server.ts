// For tests, a program: the fixtures of the conformance suite, or those of the matrix, as a server of one era and one transport.
//   node fixture-server.ts stdio|http|sse 2025|2026 [matrix]
// Over HTTP it prints its port. It ends with its standard input.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type NodeIncomingMessageLike,
  NodeStreamableHTTPServerTransport,
  toNodeHandler,
} from '@modelcontextprotocol/node'
import { createMcpHandler, type JSONRPCMessage, type Server, type Transport } from '@modelcontextprotocol/server'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import { conformanceSource as source } from '../../harness/conformance-fixtures.ts'
import { createOperations } from '../../mcp/operations.ts'
import { policy } from '../../mcp/policy.ts'
import { createMcpServer } from '../../mcp/server.ts'
import { matrixEvents, matrixServer } from './matrix-server.ts'

const caller = {
  subject: 'somebody',
  clientId: 'client',
  scopes: new Set(['mcp:tools:call']),
  expiresAt: 4_000_000_000,
}
const conformanceServer = (): Server =>
  createMcpServer({
    identity: { name: 'fixture', version: '1' },
    source,
    operations: createOperations(source, policy),
    callerOf: () => caller,
    onToolFailure: () => undefined,
    clock: Date.now,
  })

const [transport, era, set] = process.argv.slice(2)
const fixture = set === 'matrix' ? matrixServer : conformanceServer
const events = set === 'matrix' ? matrixEvents : source.events

/** Where a connection has one server, it tells its client itself what changed. */
function telling(): Server {
  const server = fixture()
  const stop = events?.subscribe((event) => {
    const { kind } = event
    if (kind === 'resource_updated') void server.sendResourceUpdated({ uri: event.uri }).catch(() => undefined)
    if (kind === 'tools_list_changed') void server.sendToolListChanged().catch(() => undefined)
    if (kind === 'prompts_list_changed') void server.sendPromptListChanged().catch(() => undefined)
  })
  server.onclose = () => stop?.()
  return server
}

if (transport === 'stdio') {
  if (era === '2026') serveStdio(telling, { legacy: 'reject' })
  else await telling().connect(new StdioServerTransport())
} else {
  const handle = transport === 'sse' ? overSse() : era === '2026' ? modern() : sessions()
  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
  process.stdin.resume().on('end', () => process.exit(0))
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>

function modern(): Handle {
  const handler = toNodeHandler(createMcpHandler(fixture, { legacy: 'reject', ...(events && { bus: events }) }))
  return async (request, response) => void (await handler(request as NodeIncomingMessageLike, response))
}

function sessions(): Handle {
  const open = new Map<string, NodeStreamableHTTPServerTransport>()
  return async (request, response) => {
    const id = request.headers['mcp-session-id']
    const known = open.get(String(id))
    if (known) return known.handleRequest(request, response)
    if (id !== undefined) return void response.writeHead(404).end()
    const one = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => void open.set(session, one),
    })
    await telling().connect(one as Transport)
    return one.handleRequest(request, response)
  }
}

/** HTTP+SSE (2024-11-05): a stream for all that the server says, and an address for what it is told. */
function overSse(): Handle {
  const open = new Map<string, Transport>()
  return async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'GET') {
      const id = randomUUID()
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      const one: Transport = {
        start: async () => void response.write(`event: endpoint\ndata: /message?id=${id}\n\n`),
        send: async (message) => void response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`),
        close: async () => void response.end(),
      }
      open.set(id, one)
      response.once('close', () => one.onclose?.())
      await telling().connect(one)
      return
    }
    let text = ''
    for await (const chunk of request) text += chunk
    response.writeHead(202).end()
    open.get(url.searchParams.get('id') ?? '')?.onmessage?.(JSON.parse(text) as JSONRPCMessage)
  }
}
