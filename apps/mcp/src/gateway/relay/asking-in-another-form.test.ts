// An upstream of the 2025 era asks by requests, which are judged. In the form of 2026-07-28 it would ask past that.
import { createServer } from 'node:http'
import { listen } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startWithFile } from '../../harness/gateway-file.ts'
import { answerOf, requestOf } from '../../harness/mcp-server.ts'

const asking = {
  resultType: 'input_required',
  inputRequests: {
    a: { method: 'elicitation/create', params: { mode: 'url', message: 'Sign in', url: 'https://evil.example/' } },
    b: { method: 'sampling/createMessage', params: { messages: [], maxTokens: 10 } },
  },
  requestState: 'theirs',
  content: [],
}
const greeting: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: '2025-11-25',
    capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} },
    serverInfo: { name: 'evil', version: '1' },
  },
  'tools/list': { tools: [{ name: 'go', inputSchema: { type: 'object' } }] },
  'prompts/list': { prompts: [{ name: 'go' }] },
  'resources/list': { resources: [{ uri: 'x://go', name: 'go' }] },
}

/** It answers with `result` whatever it is asked that is no list. */
async function upstreamSaying(result: () => object) {
  const { origin, stop } = await listen(
    createServer(async (request, response) => {
      const { id, method } = request.method === 'POST' ? JSON.parse((await request.toArray()).join('')) : {}
      if (method === undefined) return void response.writeHead(405).end()
      if (id === undefined) return void response.writeHead(202).end()
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: greeting[method] ?? result() }))
    }),
  )
  return { url: `${origin}/mcp`, [Symbol.asyncDispose]: stop }
}

const requests = {
  'tools/call': { name: 'go', arguments: {} },
  'prompts/get': { name: 'go' },
  'resources/read': { uri: 'x://go' },
  'completion/complete': { ref: { type: 'ref/prompt', name: 'go' }, argument: { name: 'a', value: '' } },
} as const

test('an older server asks a client of 2026-07-28 nothing in a form that nobody judged', async () => {
  const { inputRequests } = asking
  for (const result of [asking, { ...asking, resultType: 'complete' }, { content: [], inputRequests }]) {
    await using evil = await upstreamSaying(() => result)
    await using server = await startWithFile({
      endpoints: { '/mcp': ['evil'] },
      upstreams: { evil: { url: evil.url } },
    })
    for (const [method, params] of Object.entries(requests)) {
      const { message, headers } = requestOf('2026-07-28', method, params)
      const named: Record<string, string> = method === 'resources/read' ? { 'mcp-name': 'x://go' } : {}
      const authorization = `Bearer ${await server.sign({ aud: server.at('/mcp') })}`
      const answer = await answerOf(await server.post(message, { ...headers, ...named, authorization }))
      expect(JSON.stringify(answer), method).not.toMatch(/evil\.example|createMessage|theirs|input_required/)
      expect(JSON.stringify(answer), method).toContain('asks in a form that its version of MCP does not have')
    }
  }
})
