import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { freePort, verifies } from '@gatehouse/testing'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { startFront } from './harness/front.ts'
import { eras, requestOf, startMcpServer, type TestServer } from './harness/mcp-server.ts'
import { createBuiltin } from './sources/builtin/builtin.ts'
import { defineTool, text } from './sources/builtin/tools/tool.ts'

let server: TestServer
beforeAll(async () => {
  // Trusting every caller: forwarding headers are to change nothing even then.
  server = await startMcpServer({ env: { TRUST_PROXY: '127.0.0.1, ::1' } })
})
afterAll(() => server[Symbol.asyncDispose]())

const list = requestOf('2025-11-25', 'tools/list').message

/** For what fetch() does not send: any Host, any request target. */
function send(options: { method?: string; path?: string; headers?: Record<string, string>; body?: string }) {
  const { port } = new URL(server.origin)
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const outgoing = httpRequest({ host: 'localhost', port, path: '/mcp', ...options }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    outgoing.on('error', reject)
    outgoing.end(options.body)
  })
}

/** Bytes as they are, for requests that are none. */
function sendRaw(bytes: string): Promise<string> {
  const { port } = new URL(server.origin)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), 'localhost', () => socket.end(bytes))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

verifies('M7', 'a foreign Host is sent to the right address, and never echoed', async () => {
  const authorization = `Bearer ${await server.sign()}`
  const { host, port } = new URL(server.origin)
  const foreign = [
    'evil.example',
    `evil.example:${port}`,
    'localhost',
    `127.0.0.1:${port}`,
    `localhost.:${port}`,
    `x@${host}`,
    `${host},${host}`,
  ]
  for (const path of ['/mcp', '/', '/nowhere']) {
    for (const named of foreign) {
      const { status, body } = await send({ method: 'POST', path, headers: { host: named, authorization } })
      expect(status, `${path} ${named}`).toBe(421)
      expect(JSON.parse(body).error_description).toMatch(`This server answers as ${server.resource}. `)
    }
  }
  const named = server.log.filter((line) => line.includes('does not pass on the Host header'))
  expect(named.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, host: 'evil.example', expected: host }])
  expect(await sendRaw('GET /mcp HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 421/)
  expect(await sendRaw('GET /mcp HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/)
})

verifies('M7', 'forwarding headers change nothing, and an absolute request target counts as the Host', async () => {
  const headers = {
    authorization: `Bearer ${await server.sign()}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const message = { method: 'POST', headers, body: JSON.stringify(list) }
  const forwarded = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example', 'x-forwarded-proto': 'https' }
  const answered = await send({ ...message, headers: { ...headers, ...forwarded } })
  expect(answered.status).toBe(200)
  const challenged = await send({ headers: forwarded })
  expect(challenged.status).toBe(401)
  expect((await send({ ...message, path: 'http://evil.example/mcp' })).status).toBe(421)
  expect((await send({ ...message, path: server.resource })).status).toBe(200)
})

verifies(
  'X27',
  'a proxy that changes the Host or loses the token is found out, by the client and by the operator',
  async () => {
    const port = await freePort()
    await using proxied = await startMcpServer({ env: { MCP_RESOURCE_URL: `http://localhost:${port}/mcp` } })
    let change: (headers: IncomingHttpHeaders) => IncomingHttpHeaders = (headers) => headers
    await using front = await startFront({ port, rewrite: (headers) => change(headers) })
    front.route = () => Number(new URL(proxied.origin).port)
    const ask = async () => {
      const headers = {
        authorization: `Bearer ${await proxied.sign()}`,
        origin: front.origin,
        accept: 'text/event-stream',
      }
      return fetch(`${front.origin}/mcp`, { headers })
    }
    expect((await ask()).status).toBe(400) // a session is missing, and nothing else
    change = (headers) => ({ ...headers, host: new URL(proxied.origin).host })
    for (let tries = 0; tries < 3; tries++) {
      const misdirected = await ask()
      expect(misdirected.status).toBe(421)
      expect(misdirected.headers.get('access-control-allow-origin')).toBe(front.origin)
      expect(misdirected.headers.get('access-control-expose-headers')).toContain('Retry-After')
      expect(await misdirected.json()).toMatchObject({
        error_description: expect.stringContaining('does not pass on the Host header'),
      })
    }
    expect(proxied.log.filter((line) => line.includes('does not pass on the Host header'))).toHaveLength(1)
    change = ({ authorization: _lost, ...headers }) => headers
    const refused = await ask()
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      expect.not.stringContaining('invalid_token'),
    ])
  },
)

verifies('M20', 'ambiguous HTTP does not get as far as a route', async () => {
  const { host } = new URL(server.origin)
  const both = 'Content-Length: 5\r\nTransfer-Encoding: chunked'
  expect(await sendRaw(`POST /mcp HTTP/1.1\r\nHost: ${host}\r\n${both}\r\n\r\n0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/)
  expect(await sendRaw(`GET /mcp HTTP/1.1\r\nHost: ${host}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431/,
  )
  expect(await sendRaw(`GET /mcp HTTP/1.1\r\nHost: ${host}\r\nX: a\r\n b\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/)
  expect(await sendRaw('GET /mcp\r\n\r\n')).toMatch(/^HTTP\/1\.1 421/) // HTTP/0.9 names no host
  const doubled = await sendRaw(`GET /mcp HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\n\r\n`)
  expect(doubled).toMatch(/^HTTP\/1\.1 400/)
})

verifies('M21', 'metadata and probes are the same under any name', async () => {
  const documents = []
  for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp']) {
    for (const host of ['mcp:3000', 'evil.example', new URL(server.origin).host]) {
      const { status, body } = await send({ path, headers: { host } })
      expect(status).toBe(200)
      documents.push(body)
    }
  }
  expect(new Set(documents).size).toBe(1)
  expect(JSON.parse(documents[0] ?? '')).toEqual({
    resource: server.resource,
    authorization_servers: [server.issuer.issuer],
    scopes_supported: ['mcp:tools:read', 'mcp:tools:call'],
    bearer_methods_supported: ['header'],
    resource_name: 'Gatehouse MCP server',
  })
  for (const path of ['/livez', '/readyz'])
    expect((await send({ path, headers: { host: 'mcp:3000' } })).status).toBe(200)
})

test('the server introduces itself as it is configured, to clients of both eras and in its metadata', async () => {
  await using own = await startMcpServer({ env: { MCP_NAME: 'company-tools', MCP_TITLE: 'Company tools' } })
  for (const era of eras) {
    const client = await own.connect(era)
    expect(client.getServerVersion(), era).toMatchObject({ name: 'company-tools', title: 'Company tools' })
    await client.close()
  }
  const metadata = await fetch(`${own.origin}/.well-known/oauth-protected-resource/mcp`)
  expect(await metadata.json()).toMatchObject({ resource_name: 'Company tools' })
})

test('who typed another address is told the right one', async () => {
  const { host, port } = new URL(server.origin)
  const paths = ['/', '/mcp/', '/MCP', '/mcp2', '/mcp/x', '//mcp', '/api/mcp', '/sse', '/.well-known/other', '/%6Dcp/']
  for (const method of ['GET', 'POST', 'DELETE']) {
    for (const path of paths) {
      const { status, body } = await send({ method, path })
      const told = [status, JSON.parse(body).error_description]
      expect(told, `${method} ${path}`).toEqual([404, `The MCP server is at ${server.resource}`])
    }
  }
  const { status, body } = await send({ path: '/%zz' })
  expect([status, JSON.parse(body).error_description]).toEqual([400, `The MCP server is at ${server.resource}`])
  // A name is the same in upper case, and a browser or proxy may have spelled the address itself in another way.
  for (const spelled of [host.toUpperCase(), `LocalHost:${port}`]) {
    expect((await send({ headers: { host: spelled } })).status, spelled).toBe(401)
  }
  for (const path of ['/mcp?x=1', '/%6Dcp']) expect((await send({ path })).status, path).toBe(401)
})

test.each(['/a%20b/mcp', '/m%C3%BCnchen/mcp', '/a::b/mcp', '/projects/p1:mcp', '/:mcp', '/100%25', '/'])(
  'the path of the resource is served as it stands: %s',
  async (path) => {
    await using own = await startMcpServer({ path })
    for (const era of ['2025-11-25', '2026-07-28'] as const) {
      const client = await own.connect(era)
      expect((await client.listTools()).tools.length).toBeGreaterThan(0)
      await client.close()
    }
    const challenged = await own.post(list, { authorization: undefined })
    const inserted = `${own.origin}/.well-known/oauth-protected-resource${path === '/' ? '' : path}`
    expect(challenged.headers.get('www-authenticate')).toContain(`resource_metadata="${inserted}"`)
    expect(await (await fetch(inserted)).json()).toMatchObject({ resource: own.resource })
    const below = path === '/' ? '' : path
    expect((await fetch(`${own.origin}${below}/.well-known/openid-configuration`)).status).toBe(200)
    for (const other of ['/projects/p2', '/projects/p1x', '/x', '/a:b/mcp', '/mcp']) {
      const elsewhere = other === path ? '/y' : other
      expect((await fetch(`${own.origin}${elsewhere}`, { method: 'POST' })).status, elsewhere).toBe(404)
    }
  },
)

test("the issuer's metadata is found on this host too, where some clients look for it", async () => {
  const own = await fetch(`${server.issuer.issuer}/.well-known/oauth-authorization-server`)
  const expected = await own.text()
  for (const kind of ['oauth-authorization-server', 'openid-configuration']) {
    for (const path of [`/.well-known/${kind}`, `/.well-known/${kind}/mcp`, `/mcp/.well-known/${kind}`]) {
      for (const host of ['mcp:3000', new URL(server.origin).host]) {
        const { status, body } = await send({ path, headers: { host } })
        expect([status, body], path).toEqual([200, expected])
      }
    }
  }
})

test("the issuer's metadata is fetched where its keys are, and compared with the issuer's own name", async () => {
  const { issuer, jwksUrl } = server.issuer
  await using behind = await startMcpServer({ env: { MCP_JWKS_URL: jwksUrl, MCP_ISSUER: issuer } })
  expect((await fetch(`${behind.origin}/.well-known/oauth-authorization-server`)).status).toBe(200)
  await using foreign = await startMcpServer({ env: { MCP_JWKS_URL: jwksUrl, MCP_ISSUER: 'http://localhost:4999' } })
  expect((await fetch(`${foreign.origin}/.well-known/oauth-authorization-server`)).status).toBe(503)
})

verifies('M23', 'no line of the log holds a token, nor a line break of a stranger', async () => {
  await using own = await startMcpServer({ env: { LOG_LEVEL: 'trace' } })
  const good = await own.sign()
  const bad = await own.sign({ aud: 'https://elsewhere.example' })
  const authorization = `Bearer ${good}`
  await own.post(list, { authorization })
  await own.post(list, { authorization: `Bearer ${bad}` })
  await own.post('{bad', { authorization })
  await own.post(`{"token":"${good}`, { authorization })
  await own.post(requestOf('2025-11-25', `no\u001b[31m\r\n{"level":30,"msg":"forged"}`).message, { authorization })
  await fetch(`${own.resource}?access_token=${good}`, { method: 'POST' })
  await fetch(`${own.origin}/nowhere?token=${good}#${good}`)
  await own.post(requestOf('2025-11-25', 'tools/call', { name: 'greet', arguments: { name: good } }).message)
  own.app.log.info(
    { headers: { authorization }, upstream: { headers: { authorization } }, authorization },
    'by mistake',
  )
  const log = own.log.join('')
  // nothing is struck out of these two lines: they have what they are meant to have, and no more
  const lineOf = (msg: string) => own.log.map((line) => JSON.parse(line)).find((line) => line.msg === msg)
  const { req, ...came } = lineOf('incoming request')
  const { res, ...answered } = lineOf('request completed')
  const ofEach = ['level', 'time', 'pid', 'hostname', 'reqId']
  expect(Object.keys(req)).toEqual(['method', 'path', 'remoteAddress'])
  expect(Object.keys(res)).toEqual(['statusCode'])
  expect(Object.keys(came)).toEqual([...ofEach, 'msg'])
  expect(Object.keys(answered)).toEqual([...ofEach, 'responseTime', 'msg'])
  expect(log).toContain('"msg":"request completed"')
  expect(log).toContain('"path":"/nowhere"')
  expect(log).toContain('[Redacted]')
  for (const token of [good, bad]) {
    for (const part of token.split('.').slice(1)) expect(log).not.toContain(part)
  }
  for (const line of own.log) expect(JSON.parse(line).msg).not.toBe('forged')
  expect(log).not.toContain('\u001b')
})

test('a replica without keys is not ready and blames no token, until the issuer is there', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    await using own = await startMcpServer({ env: { MCP_JWKS_URL: 'http://127.0.0.1:9/jwks' } })
    const response = await own.post(list)
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(response.headers.get('www-authenticate')).toBeNull()
    expect((await fetch(`${own.origin}/readyz`)).status).toBe(503)
    expect((await fetch(`${own.origin}/livez`)).status).toBe(200)
    expect((await own.post(list, { authorization: undefined })).status).toBe(401)
    expect(own.log.join('')).toContain("could not load the issuer's keys")
  } finally {
    vi.useRealTimers()
  }
})

test('a replica that starts before its issuer becomes ready by being asked', async () => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] })
  try {
    await using own = await startMcpServer()
    await vi.waitFor(async () => expect((await fetch(`${own.origin}/readyz`)).status).toBe(200))
    own.issuer.answerKeysWith({ status: 502, body: '<html>Bad gateway' })
    vi.advanceTimersByTime(25 * 3_600_000) // what was loaded at the start is too old by now
    expect((await own.post(list)).status).toBe(503)
    expect((await fetch(`${own.origin}/readyz`)).status).toBe(503)
    own.issuer.answerKeysWith(undefined)
    vi.advanceTimersByTime(6_000)
    await vi.waitFor(async () => expect((await fetch(`${own.origin}/readyz`)).status).toBe(200))
    expect((await own.post(list)).status).toBe(200)
  } finally {
    vi.useRealTimers()
  }
})

test('known keys keep working while the issuer is away', async () => {
  await using own = await startMcpServer()
  const token = { authorization: `Bearer ${await own.sign()}` }
  expect((await own.post(list, token)).status).toBe(200)
  await own.issuer[Symbol.asyncDispose]()
  expect((await own.post(list, token)).status).toBe(200)
  expect((await fetch(`${own.origin}/readyz`)).status).toBe(200)
})

test('a connection that never says anything does not hold up the end', async () => {
  await using own = await startMcpServer()
  const { port } = new URL(own.origin)
  const socket = connect(Number(port), 'localhost')
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  const began = performance.now()
  await own.app.close()
  expect(performance.now() - began).toBeLessThan(2_000)
  socket.destroy()
})

test('a replica that is about to end says so, and still answers for a while', async () => {
  await using own = await startMcpServer({ drain: 500 })
  const closed = own.app.close()
  await vi.waitFor(async () => expect((await fetch(`${own.origin}/readyz`)).status).toBe(503))
  expect((await fetch(`${own.origin}/livez`)).status).toBe(200)
  expect((await own.post(list)).status).toBe(200)
  await closed
})

test('a call that is under way may end before the server does', async () => {
  const started = Promise.withResolvers<void>()
  const finished = Promise.withResolvers<CallToolResult>()
  const slow = defineTool({
    name: 'slow',
    title: 'Slow',
    description: 'Waits.',
    scopes: ['mcp:tools:call'],
    input: z.strictObject({}),
    run: () => {
      started.resolve()
      return finished.promise
    },
  })
  await using own = await startMcpServer({ source: createBuiltin({ tools: [slow] }) })
  const client = await own.connect('2026-07-28')
  const call = client.callTool({ name: 'slow', arguments: {} })
  await started.promise
  const closed = own.app.close()
  expect((await fetch(`${own.origin}/readyz`)).status).toBe(503) // new work goes elsewhere
  await vi.waitFor(async () => expect((await own.post(list)).status).toBe(503))
  finished.resolve(text('done'))
  expect(await call).toMatchObject({ content: [{ text: 'done' }] })
  await closed
})

verifies(
  'S15',
  'nobody is asked whether a token was revoked: it dies with its short life, to half a minute',
  async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      await using own = await startMcpServer()
      const token = { authorization: `Bearer ${await own.sign({ exp: Math.floor(Date.now() / 1000) + 600 })}` }
      for (const [seconds, status] of [
        [0, 200],
        [599, 200],
        [629, 200],
        [631, 401],
      ] as const) {
        vi.setSystemTime(Date.now())
        const now = Date.now()
        vi.setSystemTime(now + seconds * 1000)
        expect((await own.post(list, token)).status, `after ${seconds} s`).toBe(status)
        vi.setSystemTime(now)
      }
    } finally {
      vi.useRealTimers()
    }
  },
)
