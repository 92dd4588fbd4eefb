import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { requestOf, startMcpServer } from '../harness/mcp-server.ts'

const program = join(import.meta.dirname, 'harness/telling-server.ts')
const secret = 'canary-of-the-seals-which-is-long-enough'

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'gatehouse-canary-'))
}

test('nothing of a client’s but the named header reaches an upstream over HTTP, and nothing of the upstream’s a client', async () => {
  const received: { headers: IncomingHttpHeaders; text: string; url: string }[] = []
  const upstream = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    received.push({ headers: request.headers, text, url: request.url ?? '' })
    const { id, method } = text === '' ? { id: undefined, method: '' } : JSON.parse(text)
    const results: Record<string, object> = {
      'server/discover': { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} } },
      'tools/list': { resultType: 'complete', tools: [{ name: 'x', inputSchema: { type: 'object' } }] },
      'tools/call': { resultType: 'complete', content: [] },
    }
    response.writeHead(200, {
      'content-type': 'application/json',
      'set-cookie': 'canary-cookie=1',
      'www-authenticate': 'Bearer realm="canary-realm"',
      'mcp-session-id': 'canary-session',
      'x-upstream': 'canary-header',
    })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method] ?? {} }))
  })
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const { port } = upstream.address() as AddressInfo
  const file = join(folder(), 'gatehouse.yaml')
  writeFileSync(
    file,
    `version: 1\nupstreams: { one: { url: "http://127.0.0.1:${port}/mcp?key=of-the-url", forwardHeaders: [x-tenant] } }\n`,
  )
  await using server = await startMcpServer({ env: { GATEHOUSE_CONFIG: file, MCP_SECRET: secret, DATA_DIR: folder() } })
  const token = await server.sign()
  for (const era of ['2025-11-25', '2026-07-28'] as const) {
    const { message, headers } = requestOf(era, 'tools/call', { name: 'x', arguments: {} })
    const response = await server.post(message, {
      ...headers,
      authorization: `Bearer ${token}`,
      cookie: 'canary-in=1',
      'x-other': 'canary-in',
      'x-forwarded-for': '203.0.113.9',
      'x-tenant': 'acme',
      origin: server.origin,
    })
    expect(response.status).toBe(200)
    const told = JSON.stringify([...response.headers]) + (await response.text())
    expect(told).not.toMatch(/canary/)
  }
  const sent = JSON.stringify(received)
  expect(sent).toContain('acme')
  for (const leak of [token, token.slice(-40), 'canary', '203.0.113.9', secret, server.origin])
    expect(sent).not.toContain(leak)
  for (const leak of [token.slice(-40), 'canary', secret, 'of-the-url']) expect(server.log.join('')).not.toContain(leak)
  upstream.closeAllConnections()
  await new Promise((resolve) => upstream.close(resolve))
})

test('what an upstream writes in the body of an error is told to no client, and is not in the log', async () => {
  const upstream = createServer((_request, response) => response.writeHead(500).end('canary-in-a-body'))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const { port } = upstream.address() as AddressInfo
  const file = join(folder(), 'gatehouse.yaml')
  writeFileSync(file, `version: 1\nupstreams: { one: { url: "http://127.0.0.1:${port}/mcp" } }\n`)
  await using server = await startMcpServer({ env: { GATEHOUSE_CONFIG: file, MCP_SECRET: secret, DATA_DIR: folder() } })
  const { message, headers } = requestOf('2026-07-28', 'tools/list')
  const response = await server.post(message, headers)
  expect(await response.text()).not.toContain('canary')
  expect(server.log.join('')).toContain('HTTP 500')
  expect(server.log.join('')).not.toContain('canary')
  await new Promise((resolve) => upstream.close(resolve))
})

test('a command is given nothing of ours: no variable, no token, no folder of somebody else’s', async () => {
  const data = folder()
  const file = join(folder(), 'gatehouse.yaml')
  writeFileSync(
    file,
    JSON.stringify({
      version: 1,
      upstreams: { one: { command: [process.execPath, program], env: { NAMED: { env: 'CANARY_NAMED' } } } },
    }),
  )
  process.env.CANARY_OF_OURS = 'canary-of-ours'
  process.env.CANARY_NAMED = 'named-in-the-file'
  try {
    const env = {
      GATEHOUSE_CONFIG: file,
      MCP_SECRET: secret,
      DATA_DIR: data,
      CANARY_NAMED: 'named-in-the-file',
      PATH: '/usr/bin',
    }
    await using server = await startMcpServer({ env })
    const token = await server.sign()
    const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'tell', arguments: {} })
    const answer = await (await server.post(message, { ...headers, authorization: `Bearer ${token}` })).text()
    const { environment, messages } = JSON.parse(JSON.parse(/\{.*\}/s.exec(answer)?.[0] ?? '').result.content[0].text)
    expect(
      Object.keys(environment)
        .filter((name) => name !== 'LANG')
        .sort(),
    ).toEqual(['HOME', 'NAMED', 'PATH', 'TMPDIR'])
    expect(environment.NAMED).toBe('named-in-the-file')
    for (const name of ['HOME', 'TMPDIR']) {
      expect(environment[name].startsWith(data)).toBe(true)
      expect(statSync(environment[name]).mode & 0o777).toBe(0o700)
    }
    expect(messages).not.toContain(token.slice(-40))
    expect(server.log.join('')).not.toContain('named-in-the-file')
    const files = readdirSync(environment.HOME, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
    for (const one of files) expect(readFileSync(join(one.parentPath, one.name), 'utf8')).not.toContain(secret)
  } finally {
    delete process.env.CANARY_OF_OURS
    delete process.env.CANARY_NAMED
  }
})
