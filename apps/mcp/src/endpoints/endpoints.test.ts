import { request as httpRequest } from 'node:http'
import { connect as connectTo } from 'node:net'
import { createTokenIssuer, verifies } from '@gatehouse/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type GatewayServer, startWithFile, tellingCommand } from '../harness/gateway-file.ts'
import { type Era, eras, requestOf } from '../harness/mcp-server.ts'
import { openSession, readEvents } from '../harness/session-client.ts'

const places = ['/tools', '/both', '127.0.0.1/tools']
let server: GatewayServer
beforeAll(async () => {
  server = await startWithFile({
    endpoints: { '/tools': ['telling'], '/both': ['telling', 'builtin'], '127.0.0.1/tools': ['builtin'] },
    upstreams: { telling: { command: tellingCommand } },
  })
})
afterAll(() => server[Symbol.asyncDispose]())

const list = requestOf('2025-11-25', 'tools/list').message

function post(url: string, message: object, headers: Record<string, string>): Promise<Response> {
  const json = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  return fetch(url, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(message) })
}

const tokenFor = (place: string) => server.sign({ aud: server.at(place) })
const get = async (url: string) => {
  const response = await fetch(url)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(Number(new URL(server.origin).port), 'localhost', () => socket.end(bytes))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer)).on('error', reject)
  })
}

/** Under any name. */
function getAs(host: string, path: string) {
  const { port } = new URL(server.origin)
  return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const request = httpRequest({ host: 'localhost', port, path, headers: { host } }, async (response) => {
      const text = (await response.toArray()).join('')
      resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) })
    })
    request.on('error', reject).end()
  })
}

async function connect(place: string, era: Era): Promise<Client> {
  const token = await tokenFor(place)
  const client = new Client(
    { name: 'test', version: '1' },
    era === '2026-07-28' ? { versionNegotiation: { mode: 'auto' } } : {},
  )
  const authProvider = { token: async () => token }
  await client.connect(new StreamableHTTPClientTransport(new URL(server.at(place)), { authProvider }))
  return client
}

test('each endpoint has what stands behind it: one upstream keeps its names, several have theirs before them', async () => {
  const expected = [
    ['/tools', 'tell', 'Tools at /tools'],
    ['/both', 'telling__tell', 'Tools at /both'],
    ['127.0.0.1/tools', 'greet', 'Tools at 127.0.0.1/tools'],
  ] as const
  for (const era of eras)
    for (const [place, tool, title] of expected) {
      const client = await connect(place, era)
      const names = (await client.listTools()).tools.map(({ name }) => name)
      expect(names, place).toContain(tool)
      expect(names.includes('builtin__greet'), place).toBe(place === '/both')
      expect(client.getServerVersion()).toMatchObject({ title })
      const called = await client.callTool({ name: tool, arguments: tool === 'greet' ? { name: 'Ada' } : {} })
      expect(called.isError ?? false).toBe(false)
      await client.close()
    }
})

test('an endpoint that the issuer does not list is warned of at the start', async () => {
  await using issuer = await createTokenIssuer()
  issuer.publish({ protected_resources: [] })
  await using own = await startWithFile({ endpoints: { '/a': ['builtin'], '/b': ['builtin'] } }, { issuer })
  const warned = () => own.log.filter((line) => line.includes('the issuer does not know this endpoint'))
  await vi.waitFor(() =>
    expect(warned().map((line) => JSON.parse(line).resource)).toEqual([own.at('/a'), own.at('/b')]),
  )
})

test('the log says which endpoints there are, and what is behind them', () => {
  const lines = server.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'an endpoint is served')
  expect(lines).toMatchObject([
    { resource: server.at('/tools'), upstreams: ['telling'] },
    { resource: server.at('/both'), upstreams: ['telling', 'builtin'] },
    { resource: server.at('127.0.0.1/tools'), upstreams: ['builtin'] },
  ])
})

verifies('S4', 'a token for one endpoint is refused at the others, on the same host and on another', async () => {
  for (const place of places) {
    const authorization = `Bearer ${await tokenFor(place)}`
    for (const other of places) {
      const { status, headers } = await post(server.at(other), list, { authorization })
      expect(status, `${place} at ${other}`).toBe(place === other ? 200 : 401)
      const { origin, pathname } = new URL(server.at(other))
      const document = `resource_metadata="${origin}/.well-known/oauth-protected-resource${pathname}"`
      if (place !== other) expect(headers.get('www-authenticate')).toContain(document)
    }
  }
})

test('each has its document where its path puts it; the root has one where the host has one endpoint', async () => {
  const [host, other] = [new URL(server.at('/tools')).origin, new URL(server.at('127.0.0.1/tools')).origin]
  const wellKnown = '/.well-known/oauth-protected-resource'
  for (const place of places) {
    const { origin, pathname } = new URL(server.at(place))
    expect((await get(origin + wellKnown + pathname)).body).toMatchObject({
      resource: server.at(place),
      authorization_servers: [server.issuer.issuer],
      scopes_supported: ['mcp:tools:read', 'mcp:tools:call'],
      resource_name: `Tools at ${place}`,
    })
  }
  expect((await get(other + wellKnown)).body.resource).toBe(server.at('127.0.0.1/tools'))
  expect((await get(host + wellKnown)).status).toBe(404)
  expect((await get(`${other}${wellKnown}/both`)).status, "another host's").toBe(404)
})

test("the issuer's metadata has a copy where clients of each endpoint look for it", async () => {
  for (const place of places) {
    const { origin, pathname } = new URL(server.at(place))
    for (const path of [
      `/.well-known/oauth-authorization-server${pathname}`,
      `${pathname}/.well-known/openid-configuration`,
      '/.well-known/openid-configuration',
    ])
      expect((await get(origin + path)).body.issuer, origin + path).toBe(server.issuer.issuer)
  }
  const elsewhere = new URL(server.at('127.0.0.1/tools')).origin
  expect((await get(`${elsewhere}/both/.well-known/openid-configuration`)).status).toBe(404)
})

verifies(
  'M7',
  'an unknown host is 421, an unknown path 404, which names the endpoints of that host alone',
  async () => {
    const port = new URL(server.origin).port
    const foreign = await getAs('evil.example', '/tools')
    expect(foreign.status).toBe(421)
    expect(foreign.body.error_description).toMatch(/^This server answers under other names\./)
    for (const place of places) expect(JSON.stringify(foreign.body)).not.toContain(server.at(place))

    const here = await get(`http://localhost:${port}/nowhere`)
    const told = [here.status, here.body.error_description]
    expect(told).toEqual([404, `The MCP servers here are at ${server.at('/tools')}, ${server.at('/both')}`])
    const there = await get(`http://127.0.0.1:${port}/both`)
    expect([there.status, there.body.error_description]).toEqual([
      404,
      `The MCP server is at ${server.at('127.0.0.1/tools')}`,
    ])
    for (const path of ['/livez', '/readyz']) expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(200)
  },
)

verifies('M20', 'at each host the authority of an absolute request target counts, and two hosts are none', async () => {
  const { host } = new URL(server.at('/tools'))
  const other = server.at('127.0.0.1/tools')
  const absolute = await raw(`GET ${other} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  expect(absolute).toMatch(/^HTTP\/1\.1 401/)
  expect(absolute).toContain(`${new URL(other).origin}/.well-known/oauth-protected-resource/tools`)
  const twice = `Host: ${host}\r\nHost: ${new URL(other).host}`
  for (const path of ['/tools', '/.well-known/oauth-protected-resource/tools', '/.well-known/oauth-protected-resource'])
    expect(await raw(`GET ${path} HTTP/1.1\r\n${twice}\r\n\r\n`), path).toMatch(/^HTTP\/1\.1 400/)
})

test('what the process has to give is for all endpoints together', async () => {
  const endpoints = { '/a': ['builtin'], '/b': ['builtin'] }
  await using small = await startWithFile({ endpoints }, { streamLimits: { perSubject: 1 } })
  const open = async (place: string) =>
    (await openSession({ resource: small.at(place), token: await small.sign({ aud: small.at(place) }) })).get()
  const first = await open('/a')
  expect([first.status, (await open('/b')).status]).toEqual([200, 429])
  await first.body?.cancel()
})

test('pages may call from the own origin of an endpoint, not from that of another', async () => {
  const authorization = `Bearer ${await tokenFor('/tools')}`
  await using production = await startWithFile(
    { endpoints: { '/tools': ['builtin'], '127.0.0.1/tools': ['builtin'] } },
    { env: { NODE_ENV: 'production', MCP_SECRET: 'fixture-fixture-fixture-fixture-fixture' } },
  )
  const [own, other] = [new URL(production.at('/tools')).origin, new URL(production.at('127.0.0.1/tools')).origin]
  const ask = (origin: string) => post(production.at('/tools'), list, { authorization, origin })
  expect((await ask(own)).status).toBe(401)
  expect((await ask(other)).status).toBe(403)
})

test('a session of one endpoint is not found at another, with a token for that one, nor is its stream', async () => {
  const token = await tokenFor('/both')
  const session = await openSession({ resource: server.at('/both'), token })
  const own = await session.get()
  expect(own.status).toBe(200)
  const stream = readEvents(own)
  const first = await stream.next()
  for (const other of ['/tools', '127.0.0.1/tools']) {
    const authorization = `Bearer ${await tokenFor(other)}`
    const headers = { authorization, 'mcp-session-id': session.sessionId ?? '', 'mcp-protocol-version': '2025-11-25' }
    expect((await post(server.at(other), list, headers)).status).toBe(404)
    const accept = 'text/event-stream'
    for (const resume of [{}, { 'last-event-id': first?.id ?? '' }]) {
      const asked = await fetch(server.at(other), { headers: { ...headers, accept, ...resume } })
      expect(asked.status).toBe(404)
    }
    expect((await fetch(server.at(other), { method: 'DELETE', headers })).status).toBe(404)
  }
  expect((await session.post(list)).status, 'where it is, it is still open').toBe(200)
  await stream.cancel()
})

test('the tools that notify take their scope where the demonstration stands, and only there', async () => {
  const scope = 'mcp:tools:call mcp:tools:notify'
  const call = (name: string) =>
    requestOf('2025-11-25', 'tools/call', { name, arguments: { interval: 1, count: 1 } }).message
  const ask = async (place: string, name: string, scopes: string) =>
    post(server.at(place), call(name), {
      authorization: `Bearer ${await server.sign({ aud: server.at(place), scope: scopes })}`,
    })
  const refused = await ask('/both', 'builtin__start-notification-stream', 'mcp:tools:call')
  expect(refused.status).toBe(403)
  expect(refused.headers.get('www-authenticate')).toContain('mcp:tools:notify')
  expect((await ask('/both', 'builtin__start-notification-stream', scope)).status).toBe(200)
  expect(await (await ask('/tools', 'start-notification-stream', 'mcp:tools:call')).text()).toContain('not found')
})
