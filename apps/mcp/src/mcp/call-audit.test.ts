// The audit of the MCP server: one line a request, with what came of it, in front of other people's servers and before the
// demonstration, in both eras.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AuditLine, auditLine } from '@gatehouse/shared'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { everythingServer } from '../gateway/harness/everything.ts'
import { gatewayEnv } from '../gateway/harness/gateway.ts'
import { eras, requestOf, startMcpServer, type TestServer } from '../harness/mcp-server.ts'

const linesOf = ({ log }: TestServer): AuditLine[] =>
  log.filter((line) => line.startsWith('{"audit":')).map((line) => auditLine.parse(JSON.parse(line)))
const last = async (server: TestServer, count: number) => {
  await expect.poll(() => linesOf(server).length).toBe(count)
  return linesOf(server)[count - 1] as AuditLine
}

test.each(eras)(
  'each request of %s to the demonstration has a line, with its grant, whatever came of it',
  async (era) => {
    await using server = await startMcpServer({ env: { AUDIT_TO: 'stdout' } })
    const authorization = `Bearer ${await server.sign({ sub: 'github:1', client_id: 'c', jti: 'j', grant_id: 'g', scope: 'mcp:tools:read mcp:tools:call' })}`
    const ask = async (method: string, params: Record<string, unknown>, more: Record<string, string> = {}) => {
      const { message, headers } = requestOf(era, method, params)
      const response = await server.post(message, { authorization, ...headers, ...more })
      await response.text()
      return response.status
    }
    await ask('tools/call', { name: 'greet', arguments: { name: 'hunter2' } })
    expect(await last(server, 1)).toMatchObject({
      service: 'mcp',
      event: 'mcp_request',
      outcome: 'ok',
      decision: 'allow',
      request: expect.stringMatching(/^[\w-]{36}$/),
      grant: 'g',
      token: 'j',
      subject: 'github:1',
      client: 'c',
      endpoint: server.resource,
      method: 'tools/call',
      tool: 'greet',
      scopes: ['mcp:tools:call'],
      arguments: ['name'],
      in: expect.any(Number),
      out: expect.any(Number),
      ms: expect.any(Number),
    })
    const uri = 'nothing://here?key=hunter2'
    await ask('resources/read', { uri }, era === '2026-07-28' ? { 'mcp-name': uri } : {})
    expect(await last(server, 2)).toMatchObject({ outcome: 'error', resource: 'nothing://here' })
    await ask('tools/list', {})
    expect(await last(server, 3)).toMatchObject({ outcome: 'ok', method: 'tools/list', scopes: ['mcp:tools:read'] })
    const narrow = `Bearer ${await server.sign({ scope: 'mcp:tools:read' })}`
    expect(await ask('tools/call', { name: 'greet', arguments: { name: 'x' } }, { authorization: narrow })).toBe(403)
    expect(await last(server, 4)).toMatchObject({
      outcome: 'refused',
      decision: 'deny',
      reason: 'insufficient_scope',
      tool: 'greet',
    })
    // no line: no valid token, a notification, a ping
    await ask('tools/list', {}, { authorization: 'Bearer nothing' })
    if (era === '2025-11-25') await ask('ping', {})
    const { message, headers } = requestOf(era, 'notifications/cancelled', { requestId: 1 })
    await server.post({ ...message, id: undefined }, { authorization, ...headers })
    await ask('tools/list', {})
    expect(await last(server, 5)).toMatchObject({ method: 'tools/list' })
    expect(server.log.join('')).not.toContain('hunter2')
  },
)

test('the gateway says which upstream was asked, and tells an error of a tool from a server that is away', async () => {
  const { settings } = await everythingServer('stdio')
  const env = { ...gatewayEnv({ everything: settings }), AUDIT_TO: 'stdout', AUDIT_ARGUMENTS: 'none' }
  await using server = await startMcpServer({ env })
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: 'auto' } },
  )
  let asked = 0
  client.setRequestHandler('elicitation/create', async () => {
    asked += 1
    return { action: 'accept', content: { name: 'Ada' } }
  })
  const token = await server.sign()
  await client.connect(
    new StreamableHTTPClientTransport(new URL(server.resource), { authProvider: { token: async () => token } }),
  )
  const of = (tool: string) => linesOf(server).filter((line) => line.tool === tool)
  await client.callTool({ name: 'echo', arguments: { message: 'hi' } })
  await expect.poll(() => of('echo')).toMatchObject([{ outcome: 'ok', upstream: 'everything', credential: 'none' }])
  expect(of('echo')[0]).not.toHaveProperty('arguments')
  await client.callTool({ name: 'echo', arguments: {} }).catch(() => undefined)
  await expect.poll(() => of('echo')[1]).toMatchObject({ outcome: 'error', upstream: 'everything' })
  await client.callTool({ name: 'trigger-elicitation-request', arguments: {} })
  await expect.poll(() => of('trigger-elicitation-request').map(({ outcome }) => outcome)).toEqual(['question', 'ok'])
  expect(asked).toBe(1)
  await client.callTool({ name: 'nothing', arguments: {} }).catch(() => undefined)
  await expect.poll(() => of('nothing')).toMatchObject([{ outcome: 'error', reason: '-32602' }])
  await client.close()
})

/** Lists one tool; how it is called, `answer` says. */
async function upstreamThat(answer: (response: ServerResponse) => void) {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method } = text === '' ? { id: undefined, method: '' } : JSON.parse(text)
    const results: Record<string, object> = {
      'server/discover': { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
      'tools/list': { resultType: 'complete', tools: [{ name: 'x', inputSchema: { type: 'object' } }] },
    }
    if (method === 'tools/call') return answer(response)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? {} }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-call-audit-')), 'gatehouse.yaml')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
  const write = (audit: string) =>
    writeFileSync(
      file,
      `version: 1\naudit: ${audit}\nupstreams: { one: { url: "${url}", credential: { kind: header, value: { env: TOKEN } } } }\n`,
    )
  return {
    env: { GATEHOUSE_CONFIG: file, TOKEN: 'Bearer hunter2', DATA_DIR: mkdtempSync(join(tmpdir(), 'gatehouse-data-')) },
    write,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('a server that refuses, and a client that does not wait, are told apart; the credential is named by its kind', async () => {
  let isToAnswer = true
  await using upstream = await upstreamThat((response) => {
    if (isToAnswer) response.writeHead(401).end()
  })
  upstream.write('{ to: stdout, arguments: values }')
  await using server = await startMcpServer({ env: upstream.env })
  const { message, headers } = requestOf('2026-07-28', 'tools/call', {
    name: 'x',
    arguments: { token: 'hunter3', note: 'hi' },
  })
  await (await server.post(message, headers)).text()
  expect(await last(server, 1)).toMatchObject({
    outcome: 'unavailable',
    reason: 'unauthorized',
    upstream: 'one',
    credential: 'header',
    decision: 'allow',
    arguments: { token: '[redacted]', note: 'hi' },
  })
  isToAnswer = false
  const leaving = new AbortController()
  const authorization = `Bearer ${await server.sign()}`
  const waiting = fetch(server.resource, {
    method: 'POST',
    headers: {
      authorization,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify(message),
    signal: leaving.signal,
  }).catch(() => undefined)
  await expect.poll(() => server.log.filter((line) => line.includes('incoming request')).length).toBe(2)
  leaving.abort()
  await waiting
  expect(await last(server, 2)).toMatchObject({ outcome: 'cancelled', upstream: 'one' })
  expect(server.log.join('')).not.toContain('hunter')
})

test('where lines go may change with the file, and counts from then on', async () => {
  await using upstream = await upstreamThat((response) => response.writeHead(500).end())
  upstream.write('{ to: stdout }')
  await using server = await startMcpServer({ env: upstream.env })
  const list = async () => {
    const { message, headers } = requestOf('2026-07-28', 'tools/list')
    await (await server.post(message, headers)).text()
  }
  await list()
  await last(server, 1)
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-call-audit-'))
  upstream.write(`{ to: { file: "${join(folder, 'audit.jsonl')}" } }`)
  server.reload()
  await list()
  await expect
    .poll(() => existsSync(join(folder, 'audit.jsonl')) && readFileSync(join(folder, 'audit.jsonl'), 'utf8'))
    .toMatch(/^\{"audit":1.*"tools\/list".*\}\n$/)
  expect(linesOf(server)).toHaveLength(1)
})
