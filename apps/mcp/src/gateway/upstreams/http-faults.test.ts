import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePort } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { testClient } from '../harness/clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import { type TestUpstream, testUpstream } from '../harness/upstreams.ts'
import { behalfOf } from '../relay/client.ts'
import type { RemoteUpstream } from '../settings.ts'
import type { Json, Members } from './contract.ts'

interface Received {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly body: Json
}

interface Faulty extends AsyncDisposable {
  readonly upstream: TestUpstream
  readonly received: Received[]
}

type Answer = (message: Json, response: ServerResponse, request: IncomingMessage) => void

/** A server of the 2025 era, with a session, whose answers to calls are the test's. */
async function faulty(answer: Answer, given: Partial<RemoteUpstream> = {}): Promise<Faulty> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const body = text === '' ? undefined : JSON.parse(text)
    received.push({ method: request.method ?? '', headers: request.headers, body })
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (body.method === 'server/discover') response.writeHead(400).end('Bad Request')
    else if (body.method === 'initialize' && JSON.stringify(body.params.capabilities).includes('odd')) {
      json(response, { jsonrpc: '2.0', id: body.id, error: { code: -32_602, message: 'Odd' } })
    } else if (body.method === 'initialize') {
      const result = {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 's', version: '1' },
      }
      json(response, { jsonrpc: '2.0', id: body.id, result }, { 'mcp-session-id': 'the-session' })
    } else if (body.id === undefined) response.writeHead(202).end()
    else answer(body, response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const upstream = testUpstream(remoteSettings(`http://127.0.0.1:${port}/mcp`, given))
  return {
    upstream,
    received,
    async [Symbol.asyncDispose]() {
      await upstream.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function json(response: ServerResponse, message: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(message))
}

const call = { method: 'tools/call', params: { name: 'x', arguments: {} } }
const request = ({ upstream }: Faulty, given: Parameters<typeof testClient>[1] = {}): Promise<Members> =>
  upstream.request(call, behalfOf(testClient('2025', given)))

const answers: Readonly<Record<string, [Answer, object]>> = {
  'HTTP 500': [(_m, response) => response.writeHead(500).end('no'), { fault: 'invalid', message: /HTTP 500/ }],
  'HTTP 503': [(_m, response) => response.writeHead(503).end('no'), { fault: 'unreachable' }],
  'HTTP 401': [
    (_m, response) => response.writeHead(401, { 'www-authenticate': 'Bearer scope="theirs"' }).end(),
    { fault: 'unauthorized', message: /credential/ },
  ],
  'HTTP 502': [(_m, response) => response.writeHead(502).end(), { fault: 'interrupted', message: /may have run/ }],
  'HTTP 504': [(_m, response) => response.writeHead(504).end(), { fault: 'interrupted' }],
  'HTTP 403': [(_m, response) => response.writeHead(403).end('no'), { fault: 'invalid', message: /refuses this call/ }],
  'HTTP 202': [(_m, response) => response.writeHead(202).end(), { fault: 'invalid', message: /no MCP message/ }],
  'another answer': [
    (_m, response) => json(response, { jsonrpc: '2.0', id: 'another', result: {} }),
    { fault: 'invalid', message: /no MCP message/ },
  ],
  'a list of nothing': [(_m, response) => json(response, []), { fault: 'invalid', message: /no MCP message/ }],
  'a stream that breaks and is not there any more': [
    (_m, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('id: 1\nretry: 0\ndata:\n\n')
      setTimeout(() => response.destroy(), 20)
    },
    { fault: 'interrupted' },
  ],
  'HTTP 404 again and again': [(_m, response) => response.writeHead(404).end('no'), { fault: 'interrupted' }],
  'another type': [
    (_m, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    { fault: 'invalid' },
  ],
  'what is no JSON': [
    (_m, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    { fault: 'invalid' },
  ],
  'what is no message': [(_m, response) => json(response, { hello: 1 }), { fault: 'invalid' }],
  'a connection that ends': [(_m, response) => response.destroy(), { fault: 'interrupted' }],
  'a stream that ends without an answer': [
    (_m, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': nothing\n\n'),
    { fault: 'interrupted' },
  ],
  'a redirect': [
    (_m, response) => response.writeHead(307, { location: 'http://169.254.169.254/' }).end(),
    { fault: 'invalid', message: /redirect/ },
  ],
  'more than 10 MB': [
    ({ id }, response) =>
      json(response, { jsonrpc: '2.0', id, result: { content: [], x: 'x'.repeat(10 * 1024 * 1024) } }),
    { fault: 'invalid', message: /10 MB/ },
  ],
  'more than 10 MB in a stream': [
    (_m, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(`data: ${'x'.repeat(11 * 1024 * 1024)}\n\n`)
    },
    { fault: 'invalid', message: /10 MB/ },
  ],
  'something nested too deep': [
    ({ id }, response) => {
      const deep = `${'['.repeat(100)}${']'.repeat(100)}`
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(`{"jsonrpc":"2.0","id":${id},"result":{"content":${deep}}}`)
    },
    { fault: 'invalid', message: /nested/ },
  ],
  'an error of its own': [
    ({ id }, response) =>
      json(response, { jsonrpc: '2.0', id, error: { code: -32_042, message: 'Odd', data: { a: 1 } } }),
    { code: -32_042, message: 'Odd', data: { a: 1 } },
  ],
}

test.each(Object.entries(answers))('a call that is answered by %s', async (_name, [answer, expected]) => {
  await using server = await faulty(answer)
  const { message, ...rest } = expected as { message?: RegExp | string }
  const error = await request(server).then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toMatchObject(rest)
  if (message) expect(error.message).toMatch(message)
})

test('silence ends after its time, and the upstream is told', async () => {
  const timeouts = { connect: 5_000, list: 5_000, call: 150, idle: 5_000 }
  await using server = await faulty(() => undefined, { timeouts })
  await expect(request(server)).rejects.toMatchObject({ fault: 'timeout' })
  await expect.poll(() => server.received.map(({ body }) => body?.method)).toContain('notifications/cancelled')
})

test('a session that is lost is opened again, once, and the call made in it', async () => {
  let lost = true
  await using server = await faulty(({ id }, response) => {
    if (!lost) return json(response, { jsonrpc: '2.0', id, result: { content: [] } })
    lost = false
    response.writeHead(400).end('Bad Request: No valid session ID provided')
  })
  expect(await request(server)).toEqual({ content: [] })
  expect(server.received.filter(({ body }) => body?.method === 'initialize')).toHaveLength(2)
  expect(server.received.filter(({ body }) => body?.method === 'tools/call')).toHaveLength(2)
})

const calls = ({ received }: Faulty) => received.filter(({ body }) => body?.method === 'tools/call').length
const handshakes = ({ received }: Faulty) => received.filter(({ body }) => body?.method === 'initialize').length

test.each<[string, Answer, object, number]>([
  ['a 404 that says nothing', (_m, response) => response.writeHead(404).end(), { fault: 'interrupted' }, 2],
  [
    'a tool that speaks of its sessions',
    ({ id }, response) => {
      const error = { code: -32_000, message: 'Your session with the bank is over' }
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, error }))
    },
    { code: -32_000 },
    1,
  ],
  [
    'a version that it does not know, in the middle of the older era',
    ({ id }, response) => json(response, { jsonrpc: '2.0', id, error: { code: -32_022, message: 'Unsupported' } }),
    { code: -32_022 },
    1,
  ],
])('%s: a call is sent once', async (_name, answer, expected, sessions) => {
  await using server = await faulty(answer)
  await expect(request(server)).rejects.toMatchObject(expected)
  expect(calls(server)).toBe(1)
  await request(server).catch(() => undefined)
  expect(handshakes(server)).toBe(sessions)
})

test('a list that somebody in between refuses has not run', async () => {
  await using server = await faulty((_m, response) => response.writeHead(502).end())
  const listed = server.upstream.request({ method: 'tools/list' }, behalfOf(testClient('2025')))
  await expect(listed).rejects.toMatchObject({ fault: 'unreachable' })
})

test('a list is asked for again in a new session, whatever the 404 says', async () => {
  let lost = true
  await using server = await faulty(({ id }, response) => {
    if (!lost) return json(response, { jsonrpc: '2.0', id, result: { tools: [] } })
    lost = false
    response.writeHead(404).end()
  })
  const listed = server.upstream.request({ method: 'tools/list' }, behalfOf(testClient('2025')))
  expect(await listed).toEqual({ tools: [] })
})

test('the client’s own words open no backoff for others', async () => {
  await using server = await faulty(({ id }, response) => json(response, { jsonrpc: '2.0', id, result: {} }))
  const odd = request(server, { capabilities: { experimental: { odd: {} } } })
  await expect(odd).rejects.toMatchObject({ code: -32_602 })
  expect(await request(server)).toEqual({})
})

test('whom a connection is shared with is asked nothing, and hears of nothing but progress', async () => {
  await using server = await faulty(
    ({ id, method, params }, response) => {
      if (method !== 'tools/call') return void response.writeHead(202).end()
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const say = (message: object) => response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
      say({ method: 'notifications/message', params: { level: 'info', data: 'of somebody' } })
      say({ method: 'notifications/progress', params: { progressToken: params._meta.progressToken, progress: 1 } })
      say({ id: 'q', method: 'elicitation/create', params: { message: 'Your name?' } })
      setTimeout(() => say({ id, result: {} }), 50)
    },
    { isolation: 'shared' },
  )
  const client = testClient('2025', { progressToken: 'p' })
  const ask = async (question: object) => {
    client.asked.push(question as never)
    return {}
  }
  await server.upstream.request(call, { ...behalfOf(client), ask })
  expect(client.asked).toEqual([])
  expect(client.heard.map(({ method }) => method)).toEqual(['notifications/progress'])
  await expect.poll(() => server.received.find(({ body }) => body?.id === 'q')?.body.error.code).toBe(-32_601)
})

test('an open question is no silence, and so many of them wait', async () => {
  const timeouts = { connect: 5_000, list: 5_000, call: 20_000, idle: 200 }
  const refusals: Json[] = []
  await using server = await faulty(
    ({ id, method, params, error }, response) => {
      if (method !== 'tools/call') {
        if (error) refusals.push(error)
        return void response.writeHead(202).end()
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const say = (message: object) => response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`)
      say({ method: 'notifications/progress', params: { progressToken: params._meta.progressToken, progress: 1 } })
      for (let count = 0; count < 22; count += 1) say({ id: `q${count}`, method: 'elicitation/create', params: {} })
      setTimeout(() => say({ id, result: {} }), 600)
    },
    { timeouts },
  )
  const ask = () => new Promise<Members>(() => undefined)
  expect(await server.upstream.request(call, { ...behalfOf(testClient('2025')), ask })).toEqual({})
  await expect.poll(() => refusals.map(({ code }) => code)).toEqual([-32_603, -32_603])
})

test('who sends other headers on has a session of their own', async () => {
  const given = { forwardHeaders: ['x-tenant'], isolation: 'shared' } as const
  await using server = await faulty(({ id }, response) => json(response, { jsonrpc: '2.0', id, result: {} }), given)
  for (const tenant of ['acme', 'acme', 'globex']) await request(server, { headers: { 'x-tenant': tenant } })
  const opened = server.received.filter(({ body }) => body?.method === 'initialize')
  expect(opened.map(({ headers }) => headers['x-tenant'])).toEqual(['acme', 'globex'])
})

test('9 MB arrive as they were sent', async () => {
  const text = 'é'.repeat(4_500_000)
  await using server = await faulty(({ id }, response) =>
    json(response, { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } }),
  )
  expect(await request(server)).toEqual({ content: [{ type: 'text', text }] })
})

test('a closed port is unreachable, and for a while nothing is tried', async () => {
  await using upstream = testUpstream(remoteSettings(`http://127.0.0.1:${await freePort()}/mcp`))
  const behalf = behalfOf(testClient('2025'))
  await expect(upstream.request(call, behalf)).rejects.toMatchObject({ fault: 'unreachable' })
  await expect(upstream.request(call, behalf)).rejects.toMatchObject({ fault: 'unreachable', retryAfter: 1 })
})

test('the upstream gets its credential and the headers that the file names, and nothing else of the client', async () => {
  const given = { headers: { authorization: () => 'Bearer of-the-upstream' }, forwardHeaders: ['x-tenant'] }
  await using server = await faulty(({ id }, response) => json(response, { jsonrpc: '2.0', id, result: {} }), given)
  await request(server, { headers: { 'x-tenant': 'acme', 'x-other': 'canary' } })
  const sent = JSON.stringify(server.received)
  expect(sent).toContain('acme')
  expect(sent).not.toContain('canary')
  for (const { headers } of server.received) expect(headers.authorization).toBe('Bearer of-the-upstream')
  const own = new Set(server.received.flatMap(({ headers }) => Object.keys(headers)))
  expect([...own].sort()).toEqual(
    [
      'accept',
      'accept-encoding',
      'accept-language',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'mcp-method',
      'mcp-protocol-version',
      'mcp-session-id',
      'sec-fetch-mode',
      'transfer-encoding',
      'user-agent',
      'x-tenant',
    ].filter((name) => own.has(name)),
  )
})
