// A program, for gateways.ts: a server that does as little as a server can, of one era, with so many tools.
//   node upstream-server.ts stdio|http 2025|2026 COUNT
// Over HTTP it prints its port, and ends with its standard input. The tool `ask` asks, and waits for ever.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'

const [transport, era, count] = process.argv.slice(2)
const complete = era === '2026' ? { resultType: 'complete', ttlMs: 3_600_000, cacheScope: 'private' } : {}
const serverInfo = { name: 'cost', version: '1' }
const capabilities = { tools: {} }
const names = ['ask', ...Array.from({ length: Number(count) }, (_, at) => `tool_${at}`)]
const inputSchema = { type: 'object', properties: { text: { type: 'string', description: 'What to say.' } } }
const tools = names.map((name) => ({ name, description: `Says what ${name} is told.`, inputSchema }))

const results: Readonly<Record<string, object>> = {
  ...(era === '2026'
    ? { 'server/discover': { ...complete, supportedVersions: ['2026-07-28'], capabilities, serverInfo } }
    : { initialize: { protocolVersion: '2025-11-25', capabilities, serverInfo } }),
  'tools/list': { ...complete, tools },
  'tools/call': { ...complete, content: [{ type: 'text', text: 'done' }] },
}

function answerTo(text: string): object | undefined {
  const { id, method } = JSON.parse(text)
  if (id === undefined) return undefined
  const result = results[method]
  return { jsonrpc: '2.0', id, ...(result ? { result } : { error: { code: -32_601, message: 'Method not found' } }) }
}

function ask(response: ServerResponse): void {
  const params = { mode: 'form', message: 'Your name?', requestedSchema: { type: 'object', properties: {} } }
  const question = { jsonrpc: '2.0', id: 'question', method: 'elicitation/create', params }
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${JSON.stringify(question)}\n\n`)
}

if (transport === 'stdio') {
  for await (const line of createInterface(process.stdin)) {
    const answer = answerTo(line)
    if (answer) process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
} else {
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    let text = ''
    for await (const chunk of request) text += chunk
    if (JSON.parse(text).params?.name === 'ask') return ask(response)
    const answer = answerTo(text)
    if (!answer) return void response.writeHead(202).end()
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
  process.stdin.resume().on('end', () => process.exit(0))
}
