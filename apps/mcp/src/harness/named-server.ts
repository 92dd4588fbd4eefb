// For tests: somebody's server over HTTP, of the 2025 era and without sessions. `who` says its name, `wait` answers once it is told to.
import { createServer } from 'node:http'
import { listen } from '@gatehouse/testing'

export interface NamedServer extends AsyncDisposable {
  readonly url: string
  /** Names of its tools. */
  tools: readonly string[]
  /** Calls of `wait` that are under way. */
  waiting(): number
  /** Answers them. */
  release(): void
}

const inputSchema = { type: 'object' }

export async function startNamedServer(name: string): Promise<NamedServer> {
  let waiting: (() => void)[] = []
  const results: Readonly<Record<string, () => object>> = {
    initialize: () => ({
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name, version: '1' },
    }),
    'tools/list': () => ({ tools: named.tools.map((tool) => ({ name: tool, inputSchema })) }),
    'tools/call': () => ({ content: [{ type: 'text', text: name }] }),
  }
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const { id, method, params } = JSON.parse((await request.toArray()).join(''))
    if (id === undefined) return void response.writeHead(202).end()
    if (params?.name === 'wait') await new Promise<void>((resolve) => waiting.push(resolve))
    const result = results[method]?.()
    const answer = result ? { result } : { error: { code: -32_601, message: 'Method not found' } }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  })
  const { origin, stop } = await listen(server)
  const named: NamedServer = {
    url: `${origin}/mcp`,
    tools: ['who', 'wait'],
    waiting: () => waiting.length,
    release() {
      const before = waiting
      waiting = []
      for (const resolve of before) resolve()
    },
    async [Symbol.asyncDispose]() {
      named.release()
      await stop()
    },
  }
  return named
}
