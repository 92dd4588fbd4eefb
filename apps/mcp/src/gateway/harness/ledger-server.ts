// For tests: somebody's server over HTTP, of the 2025 era and without sessions, which writes down what it is asked.
import { createServer } from 'node:http'
import { listen } from '@gatehouse/testing'
import type { Json } from '../upstreams/contract.ts'

export interface LedgerServer extends AsyncDisposable {
  readonly url: string
  /** Requests about something that it has: `tools/call transfer`. */
  readonly asked: string[]
  /** Bodies of calls, byte for byte. */
  readonly bodies: string[]
}

export const ledgerTools = ['transfer', 'get_account', 'delete']
const object = { type: 'object' }

const answers: Readonly<Record<string, (params: Json) => object>> = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
    serverInfo: { name: 'ledger', version: '1' },
  }),
  'tools/list': () => ({ tools: ledgerTools.map((name) => ({ name, inputSchema: object })) }),
  'tools/call': ({ name }) => ({ content: [{ type: 'text', text: `did ${name}` }] }),
  'prompts/list': () => ({ prompts: [{ name: 'review' }, { name: 'secret' }] }),
  'prompts/get': () => ({ messages: [] }),
  'resources/list': () => ({
    resources: [
      { uri: 'ledger://public/a', name: 'a' },
      { uri: 'ledger://private/b', name: 'b' },
    ],
  }),
  'resources/templates/list': () => ({
    resourceTemplates: [
      { uriTemplate: 'ledger://public/{name}', name: 'public' },
      { uriTemplate: 'ledger://private/{name}', name: 'private' },
    ],
  }),
  'resources/read': ({ uri }) => ({ contents: [{ uri, text: 'text' }] }),
  'completion/complete': () => ({ completion: { values: ['x'] } }),
  'com.example/odd': () => ({ odd: true }),
}

export async function startLedgerServer(): Promise<LedgerServer> {
  const [asked, bodies]: [string[], string[]] = [[], []]
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const body = (await request.toArray()).join('')
    const { id, method, params } = JSON.parse(body)
    if (id === undefined) return void response.writeHead(202).end()
    if (!/^initialize$|^server\/discover$|list$/.test(method)) {
      const { ref } = params ?? {}
      asked.push(`${method} ${params?.name ?? params?.uri ?? ref?.name ?? ref?.uri ?? ''}`.trim())
      bodies.push(body)
    }
    const result = answers[method]?.(params ?? {})
    const answer = result ? { result } : { error: { code: -32_601, message: 'Method not found' } }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  })
  const { origin, stop } = await listen(server)
  return {
    url: `${origin}/mcp`,
    asked,
    bodies,
    [Symbol.asyncDispose]: stop,
  }
}
