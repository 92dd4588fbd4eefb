import { verifies } from '@gatehouse/testing'
import { InsufficientScopeError, LOG_LEVEL_META_KEY } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { answerOf, eras, requestOf, startMcpServer, type TestServer } from '../harness/mcp-server.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'
import { tools } from '../sources/builtin/tools/index.ts'
import { defineTool, text } from '../sources/builtin/tools/tool.ts'

let ran = 0

/** Needs two scopes, so that a challenge has something to be complete about. */
const guarded = defineTool({
  name: 'guarded',
  title: 'Guarded',
  description: 'Counts how often it ran.',
  scopes: ['mcp:tools:call', 'mcp:tools:notify'],
  input: z.strictObject({}),
  run: () => {
    ran += 1
    return text('ran')
  },
})

/** For people alone. */
const personal = defineTool({
  name: 'personal',
  title: 'Personal',
  description: 'Counts how often it ran.',
  scopes: ['mcp:tools:call'],
  peopleOnly: true,
  input: z.strictObject({}),
  run: () => {
    ran += 1
    return text('ran')
  },
})

const [waiting, stopped] = [vi.fn(), vi.fn()]

/** Waits until nobody waits for it. */
const patient = defineTool({
  name: 'patient',
  title: 'Patient',
  description: 'Never ends by itself.',
  scopes: ['mcp:tools:call'],
  input: z.strictObject({}),
  run: ({ signal }) =>
    new Promise((_resolve, reject) => {
      waiting()
      signal.addEventListener('abort', () => {
        stopped()
        reject(signal.reason)
      })
    }),
})

const broken = defineTool({
  name: 'broken',
  title: 'Broken',
  description: 'Throws.',
  scopes: ['mcp:tools:call'],
  input: z.strictObject({}),
  run: () => {
    throw new Error('cannot reach db.internal')
  },
})

let server: TestServer
beforeAll(async () => {
  server = await startMcpServer({ source: createBuiltin({ tools: [...tools, guarded, broken, personal] }) })
})
afterAll(() => server[Symbol.asyncDispose]())

const metaOf = ({ params }: { readonly params: unknown }) => (params as { _meta?: object })._meta

const bearer = async (claims: Record<string, unknown>) => ({ authorization: `Bearer ${await server.sign(claims)}` })

test.each(eras)('a real client lists and calls tools in the era of %s', async (era) => {
  const client = await server.connect(era, await server.sign({ sub: 'github:7', client_id: 'cli', exp: 2_000_000_000 }))
  const { tools: listed } = await client.listTools()
  expect(listed.map(({ name }) => name)).toEqual(['greet', 'multi-greet', 'whoami', 'broken', 'personal'])
  expect(await client.callTool({ name: 'greet', arguments: { name: 'Ada' } })).toMatchObject({
    content: [{ type: 'text', text: 'Hello, Ada!' }],
  })
  const { structuredContent } = await client.callTool({ name: 'whoami', arguments: {} })
  expect(structuredContent).toEqual({
    subject: 'github:7',
    client: 'cli',
    scopes: ['mcp:tools:read', 'mcp:tools:call'],
    expires: '2033-05-18T03:33:20.000Z',
    expires_at: 2_000_000_000,
  })
  await client.close()
})

test.each(eras)('a real client reads prompts and resources in the era of %s', async (era) => {
  const client = await server.connect(era, await server.sign({ scope: 'mcp:tools:read' }))
  expect((await client.listPrompts()).prompts).toMatchObject([
    { name: 'greeting-template', arguments: [{ name: 'name', required: true }] },
  ])
  expect(await client.getPrompt({ name: 'greeting-template', arguments: { name: 'Ada' } })).toMatchObject({
    messages: [{ role: 'user', content: { text: 'Please greet Ada in a friendly manner.' } }],
  })
  const [resource] = (await client.listResources()).resources
  expect(resource).toMatchObject({ name: 'greeting-resource', mimeType: 'text/plain' })
  expect((await client.readResource({ uri: resource?.uri ?? '' })).contents).toMatchObject([{ text: 'Hello, world!' }])
  await client.close()
})

test.each(eras)('a real client hears what a tool says while it works, in the era of %s', async (era) => {
  const client = await server.connect(era)
  const [heard, progress]: [unknown[], number[]] = [[], []]
  client.setNotificationHandler('notifications/message', ({ params }) => void heard.push(params.data))
  const params = {
    name: 'multi-greet',
    arguments: { name: 'Ada', count: 2, pause: 10 },
    _meta: { [LOG_LEVEL_META_KEY]: 'info' },
  }
  const result = await client.callTool(params, { onprogress: ({ progress: done }) => void progress.push(done) })
  expect(result).toMatchObject({ content: [{ text: 'Greeted Ada 2 times.' }] })
  expect(heard).toEqual(['Starting to greet Ada', 'Greeting 1 of 2: hello, Ada!', 'Greeting 2 of 2: hello, Ada!'])
  expect(progress).toEqual([1, 2])
  await client.close()
})

test('a call that its client leaves is stopped: in 2026-07-28 a broken connection is a cancellation', async () => {
  await using own = await startMcpServer({ source: createBuiltin({ tools: [...tools, patient] }) })
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'patient', arguments: {} })
  const leaving = new AbortController()
  const response = fetch(own.resource, {
    method: 'POST',
    headers: {
      ...headers,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${await own.sign()}`,
    },
    body: JSON.stringify(message),
    signal: leaving.signal,
  }).catch(() => undefined)
  await vi.waitFor(() => expect(waiting).toHaveBeenCalledOnce())
  leaving.abort()
  await response
  await vi.waitFor(() => expect(stopped).toHaveBeenCalledOnce())
})

test("a client's own token greets and knows itself", async () => {
  const client = await server.connect('2026-07-28', await server.sign({ sub: 'machine', client_id: 'machine' }))
  const { structuredContent } = await client.callTool({ name: 'whoami', arguments: {} })
  expect(structuredContent).toMatchObject({ subject: 'machine', client: 'machine' })
  await client.close()
})

verifies('M2', 'many callers at once, all with the same request id, get each their own answer', async () => {
  const callers = Array.from({ length: 200 }, (_, i) => `dev:${i}`)
  const answers = callers.map(async (sub, i) => {
    const { message, headers } = requestOf(eras[i % 2] ?? '2025-11-25', 'tools/call', { name: 'whoami', arguments: {} })
    const { result } = await answerOf(await server.post(message, { ...headers, ...(await bearer({ sub })) }))
    return result.structuredContent.subject
  })
  expect(await Promise.all(answers)).toEqual(callers)
})

test('what a tool throws is for the log, not for the caller', async () => {
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'broken', arguments: {} })
  const { result } = await answerOf(await server.post(message, headers))
  expect(result).toMatchObject({ isError: true, content: [{ text: 'The tool failed' }] })
  expect(server.log.join('')).toContain('cannot reach db.internal')
})

test('the list may be kept by its reader, and by nobody in between', async () => {
  const { message, headers } = requestOf('2026-07-28', 'tools/list')
  const response = await server.post(message, headers)
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect((await answerOf(response)).result).toMatchObject({ ttlMs: 60_000, cacheScope: 'private' })
})

verifies('S1', 'the first message of either era meets the challenge before anything else', async () => {
  const first = { '2025-11-25': 'initialize', '2026-07-28': 'server/discover' } as const
  for (const era of eras) {
    const { message, headers } = requestOf(era, first[era])
    const response = await server.post(message, { ...headers, authorization: undefined })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(
      `Bearer resource_metadata="${server.origin}/.well-known/oauth-protected-resource/mcp", scope="mcp:tools:read mcp:tools:call"`,
    )
  }
  for (const method of ['GET', 'DELETE', 'PUT', 'HEAD']) {
    expect((await fetch(server.resource, { method })).status, method).toBe(401)
  }
  for (const body of ['{bad', 'x'.repeat(2_000_000)]) {
    expect((await server.post(body, { authorization: undefined })).status).toBe(401)
  }
})

verifies('S3', 'a token in the query or in a form opens nothing', async () => {
  const token = await server.sign()
  const response = await fetch(`${server.resource}?access_token=${token}`, { method: 'POST' })
  expect(response.status).toBe(401)
  const form = await fetch(server.resource, { method: 'POST', body: new URLSearchParams({ access_token: token }) })
  expect(form.status).toBe(401)
  const { message } = requestOf('2025-11-25', 'tools/list')
  const member = await server.post({ ...message, access_token: token }, { authorization: undefined })
  expect(member.status).toBe(401)
})

verifies('S13', 'a missing scope is one complete 403 in both eras, and nothing runs', async () => {
  const read = await bearer({ scope: 'mcp:tools:read' })
  const cases = [
    { method: 'tools/list', params: {}, headers: await bearer({ scope: '' }), scope: 'mcp:tools:read' },
    { method: 'resources/list', params: {}, headers: await bearer({ scope: '' }), scope: 'mcp:tools:read' },
    {
      method: 'tools/call',
      params: { name: 'greet', arguments: { name: 'x' } },
      headers: read,
      scope: 'mcp:tools:call',
    },
    { method: 'tools/call', params: { name: 'guarded' }, headers: read, scope: 'mcp:tools:call mcp:tools:notify' },
    { method: 'tools/call', params: { name: 'guarded' }, headers: {}, scope: 'mcp:tools:call mcp:tools:notify' },
  ]
  for (const era of eras) {
    for (const { method, params, headers, scope } of cases) {
      const { message, headers: own } = requestOf(era, method, params)
      const response = await server.post(message, { ...own, ...headers })
      expect(response.status, `${method} ${era}`).toBe(403)
      const challenge = response.headers.get('www-authenticate') ?? ''
      expect(challenge).toContain('error="insufficient_scope"')
      expect(challenge).toContain(`scope="${scope}"`)
      expect(challenge).toContain('resource_metadata="')
      expect(response.headers.get('cache-control')).toBe('no-store')
    }
  }
  expect(ran).toBe(0)
})

verifies('S13', 'a real client is told what to ask for', async () => {
  for (const era of eras) {
    const client = await server.connect(era, await server.sign({ scope: 'mcp:tools:read' }))
    const call = client.callTool({ name: 'guarded', arguments: {} })
    await expect(call).rejects.toSatisfy(
      (error) => error instanceof InsufficientScopeError && error.requiredScope === 'mcp:tools:call mcp:tools:notify',
    )
    await client.close()
  }
})

test('the scope to call implies the one to read', async () => {
  const { message } = requestOf('2025-11-25', 'tools/list')
  expect((await server.post(message, await bearer({ scope: 'mcp:tools:call' }))).status).toBe(200)
})

verifies('S14', 'no other spelling of a tool or of its call reaches it without the scope', async () => {
  const read = await bearer({ scope: 'mcp:tools:read' })
  const names = ['Guarded', 'GUARDED', 'guarded ', 'ｇuarded', 'guarded\u0000', '__proto__', 'constructor', 'toString']
  for (const era of eras) {
    for (const name of names) {
      const { message, headers } = requestOf(era, 'tools/call', { name, arguments: {} })
      const response = await server.post(message, { ...headers, 'mcp-name': encodeURI(name), ...read })
      const { error, result } = await answerOf(response)
      expect(error ?? result?.isError, `${name} ${era}`).toBeTruthy()
    }
    for (const method of ['TOOLS/CALL', 'tools/call ', 'tasks/get', 'tools/call/guarded']) {
      const { message, headers } = requestOf(era, method, { name: 'guarded' })
      const { error } = await answerOf(await server.post(message, { ...headers, ...read }))
      expect(error, `${method} ${era}`).toBeTruthy()
    }
  }
  // Two members of one name: the last one counts, for the check and for the call.
  const twice = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","name":"guarded"}}'
  expect((await server.post(twice, read)).status).toBe(403)
  // The header names a tool, the body another.
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'guarded', arguments: {} })
  const mismatch = await server.post(message, { ...headers, 'mcp-name': 'greet' })
  expect([mismatch.status, (await answerOf(mismatch)).error.code]).toEqual([400, -32_020])
  expect(ran).toBe(0)
})

test.each(eras)('a list shows what its reader may use, in the era of %s', async (era) => {
  const listed = async (claims: Record<string, unknown>) => {
    const { message, headers } = requestOf(era, 'tools/list')
    const { result } = await answerOf(await server.post(message, { ...headers, ...(await bearer(claims)) }))
    if (era === '2026-07-28') expect(result).toMatchObject({ cacheScope: 'private', ttlMs: 60_000 })
    return result.tools.map(({ name }: { name: string }) => name)
  }
  const basic = ['greet', 'multi-greet', 'whoami', 'broken', 'personal']
  expect(await listed({ scope: 'mcp:tools:read' })).toEqual(basic)
  expect(await listed({ scope: 'mcp:tools:read mcp:tools:call' })).toEqual(basic)
  const all = ['greet', 'multi-greet', 'whoami', 'start-notification-stream', 'guarded', 'broken', 'personal']
  expect(await listed({ scope: 'mcp:tools:call mcp:tools:notify' })).toEqual(all)
  expect(await listed({ sub: 'machine', client_id: 'machine' })).toEqual(basic.filter((name) => name !== 'personal'))
})

test.each(eras)('a tool that is not on the list says what it takes, in the era of %s', async (era) => {
  const { message, headers } = requestOf(era, 'tools/call', { name: 'start-notification-stream', arguments: {} })
  const response = await server.post(message, headers)
  expect(response.status).toBe(403)
  const challenges = response.headers.get('www-authenticate')?.match(/Bearer /g)
  expect(challenges).toHaveLength(1)
  expect(response.headers.get('www-authenticate')).toContain('scope="mcp:tools:call mcp:tools:notify"')
  const client = await server.connect(era)
  await expect(client.callTool({ name: 'start-notification-stream', arguments: {} })).rejects.toSatisfy(
    (error) => error instanceof InsufficientScopeError && error.requiredScope === 'mcp:tools:call mcp:tools:notify',
  )
  await client.close()
})

verifies('S16', "a client's own token is nobody's, and does not open what is for people", async () => {
  ran = 0
  for (const era of eras) {
    const { message, headers } = requestOf(era, 'tools/call', { name: 'personal', arguments: {} })
    const machine = await server.post(message, { ...headers, ...(await bearer({ sub: 'm', client_id: 'm' })) })
    expect([machine.status, machine.headers.get('www-authenticate')]).toEqual([403, null])
    expect((await answerOf(machine)).error.message).toContain('for people')
    expect(ran).toBe(0)
    // Registered under the id of a person: such a token is not taken at all.
    for (const sub of ['github:7', 'google:7', 'oidc:corp:7', 'dev:ada']) {
      const collision = await bearer({ sub, client_id: sub })
      expect((await server.post(message, { ...headers, ...collision })).status, sub).toBe(401)
    }
    const person = await server.post(message, { ...headers, ...(await bearer({ sub: 'github:7', client_id: 'm' })) })
    expect((await answerOf(person)).result.content).toEqual([{ type: 'text', text: 'ran' }])
    ran = 0
  }
})

verifies('S17', 'tokens that are meant for the authorization server are of no use here', async () => {
  const { message } = requestOf('2025-11-25', 'tools/list')
  const { issuer } = server.issuer
  const idToken = await server.sign({ aud: 'test-client' }, { header: { typ: 'JWT' } })
  const userinfoToken = await server.sign({ aud: issuer })
  for (const token of [idToken, userinfoToken]) {
    const response = await server.post(message, { authorization: `Bearer ${token}` })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
  }
})

verifies('M6', 'a page on another origin is refused, whatever the method', async () => {
  const evil = [
    'http://evil.example',
    'null',
    'http://localhost.evil',
    'http://localhost.evil:3000',
    'HTTP://LOCALHOST:3000',
    'http://localhost:3000.evil.example',
    'http://user@localhost:3000',
    'http://127.0.0.1.evil.example',
    'file://',
    'http://localhost:',
  ]
  const authorization = `Bearer ${await server.sign()}`
  for (const origin of evil) {
    for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS']) {
      const response = await fetch(server.resource, { method, headers: { origin, authorization } })
      expect(response.status, `${method} ${origin}`).toBe(403)
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
    }
  }
})

verifies(['M6', 'M22'], 'the pages that may call are told so by name, without credentials', async () => {
  const { message } = requestOf('2025-11-25', 'tools/list')
  for (const origin of [server.origin, 'http://localhost:5173', 'http://127.0.0.1:6274', 'http://[::1]:8080']) {
    const answers = [
      await server.post(message, { origin }),
      await server.post(message, { origin, authorization: undefined }),
      await server.post(message, { origin, ...(await bearer({ scope: '' })) }),
      await fetch(server.resource, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-headers': 'authorization, mcp-param-region, x-other, mcp-param-:' },
      }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 403, 204])
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe(origin)
      expect(headers.get('access-control-expose-headers')).toBe('WWW-Authenticate, Mcp-Session-Id, Retry-After')
      expect(headers.get('access-control-allow-credentials')).toBeNull()
      expect(headers.get('vary')).toBe('Origin')
    }
    const preflight = answers[3]?.headers
    expect(preflight?.get('access-control-allow-methods')).toBe('GET, POST, DELETE')
    expect(preflight?.get('access-control-allow-headers')?.split(', ')).toEqual([
      ...[
        'authorization',
        'content-type',
        'accept',
        'mcp-protocol-version',
        'mcp-session-id',
        'mcp-method',
        'mcp-name',
      ],
      ...['last-event-id', 'mcp-param-region'],
    ])
  }
})

verifies('M8', 'headers of the protocol must be there and agree with the body', async () => {
  const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'greet', arguments: { name: 'x' } })
  const wrong: readonly [string, Record<string, string | undefined>, number][] = [
    ['no version', { 'mcp-protocol-version': undefined }, -32_020],
    ['another version', { 'mcp-protocol-version': '2025-11-25' }, -32_020],
    ['no method', { 'mcp-method': undefined }, -32_020],
    ['another method', { 'mcp-method': 'tools/list' }, -32_020],
    ['no name', { 'mcp-name': undefined }, -32_020],
    ['another name', { 'mcp-name': 'whoami' }, -32_020],
    ['another name in base64', { 'mcp-name': '=?base64?d2hvYW1p?=' }, -32_020],
  ]
  for (const [title, change, code] of wrong) {
    const response = await server.post(message, { ...headers, ...change })
    expect([response.status, (await answerOf(response)).error.code], title).toEqual([400, code])
  }
  const inBase64 = await server.post(message, { ...headers, 'mcp-name': '=?base64?Z3JlZXQ=?=' })
  expect(inBase64.status).toBe(200)
  const later = JSON.parse(JSON.stringify(message).replace('2026-07-28', '2031-01-01'))
  const unknown = await server.post(later, { ...headers, 'mcp-protocol-version': '2031-01-01' })
  expect([unknown.status, (await answerOf(unknown)).error.code]).toEqual([400, -32_022])
  const legacy = await server.post(requestOf('2025-11-25', 'tools/list').message, {
    'mcp-protocol-version': '1999-01-01',
  })
  expect(legacy.status).toBe(400)
})

verifies(['M9', 'M10'], 'what is no single message is refused with the proper code', async () => {
  const list = requestOf('2025-11-25', 'tools/list').message
  const cases: readonly [unknown, number][] = [
    ['{bad', -32_700],
    ['', -32_700],
    ['"text"', -32_600],
    ['null', -32_600],
    ['7', -32_600],
    ['{}', -32_600],
    [[list], -32_600],
    [[], -32_600],
    [{ ...list, jsonrpc: '1.0' }, -32_600],
    [{ ...list, id: { a: 1 } }, -32_600],
    [{ ...list, method: 7 }, -32_600],
    [{ jsonrpc: '2.0', id: 1, result: {} }, -32_600],
    [{ jsonrpc: '2.0', id: 1, error: { code: 1, message: 'x' } }, -32_600],
  ]
  for (const [body, code] of cases) {
    const response = await server.post(body)
    const { error } = await answerOf(response)
    expect([response.status, error.code], JSON.stringify(body)).toEqual([400, code])
  }
  const { message, headers } = requestOf('2026-07-28', 'no/such/method')
  const unknown = await server.post(message, headers)
  expect([unknown.status, (await answerOf(unknown)).error.code]).toEqual([404, -32_601])
})

test('without sessions there is no stream to open and nothing to delete', async () => {
  await using own = await startMcpServer({ store: undefined })
  const authorization = `Bearer ${await own.sign()}`
  for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'HEAD']) {
    const response = await fetch(own.resource, { method, headers: { authorization, accept: 'text/event-stream' } })
    expect(response.status, method).toBe(405)
    expect(response.headers.get('allow')).toBe('POST, OPTIONS')
  }
  const client = await own.connect('2025-11-25')
  expect((await client.listTools()).tools.length).toBeGreaterThan(0)
  expect((client.transport as { sessionId?: string }).sessionId).toBeUndefined()
  await client.close()
})

test('what a session has no use for is refused by name', async () => {
  const authorization = `Bearer ${await server.sign()}`
  for (const method of ['PUT', 'PATCH', 'HEAD']) {
    const response = await fetch(server.resource, { method, headers: { authorization } })
    expect(response.status, method).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, POST, DELETE, OPTIONS')
  }
})

test('what a request without a body says of one makes no difference', async () => {
  const authorization = `Bearer ${await server.sign()}`
  for (const type of ['application/json', 'application/json; charset=utf-8', 'text/plain', 'application/xml']) {
    const send = (method: string, path = '/mcp', headers: Record<string, string> = {}) =>
      fetch(server.origin + path, { method, headers: { authorization, 'content-type': type, ...headers } })
    const statuses = [
      (await send('GET', '/mcp', { accept: 'text/event-stream', 'mcp-session-id': 'x'.repeat(43) })).status,
      (await send('DELETE', '/mcp', { 'mcp-session-id': 'x'.repeat(43) })).status,
      (await send('OPTIONS')).status,
      (await send('PUT')).status,
      (await send('POST', '/nowhere')).status,
      (await send('DELETE', '/nowhere')).status,
      (await send('OPTIONS', '/.well-known/oauth-protected-resource')).status,
    ]
    expect(statuses, type).toEqual([404, 404, 204, 405, 404, 404, 204])
  }
  expect((await fetch(server.resource, { method: 'PUT', headers: { authorization }, body: 'x' })).status).toBe(405)
})

verifies('M11', 'huge and deep bodies are refused cheaply', async () => {
  const call = (name: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":${name}}}}`
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const walked = `${'{"a":'.repeat(7_000)}1${'}'.repeat(7_000)}`
  const members = Array.from({ length: 90_000 }, (_, i) => `"k${i}":1`).join()
  const cases: readonly [string, string, number][] = [
    ['more than a megabyte', call(`"${'x'.repeat(1_048_576)}"`), 413],
    ['30 000 levels', call(nested(30_000)), 400],
    ['half a million levels', call(nested(500_000)), 400],
    [
      '7 000 levels of what is walked',
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"capabilities":${walked}}}`,
      400,
    ],
    ['90 000 members', call(`{${members}}`), 400],
    ['a list of half a million', call(`[${'1,'.repeat(500_000)}1]`), 400],
    [
      'members where the SDK looks first',
      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{${members}}}}`,
      400,
    ],
    ['an endless number as id', '{"jsonrpc":"2.0","id":1e999,"method":"tools/list"}', 400],
  ]
  // Time on the processor, ours as a client included, beside what it takes to read such a body at all.
  const read = await timesOnProcessor(async () => JSON.parse(call(`{${members}}`)))
  for (const [title, body, status] of cases) {
    const times = await timesOnProcessor(async () => expect((await server.post(body)).status, title).toBe(status))
    expect(Math.min(...times) / Math.min(...read), title).toBeLessThan(6)
  }
})

async function timesOnProcessor(run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const before = process.threadCpuUsage()
    await run()
    const { user, system } = process.threadCpuUsage(before)
    times.push(user + system)
  }
  return times
}

verifies('M11', 'text that is no text, and a byte order mark, are answered, and harm nobody', async () => {
  const call = (name: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"name":${name}}}}`
  for (const body of [call('"\\ud800"'), call('"\\udc00\\ud800x"'), `\ufeff${call('"Ada"')}`, call('"\\u0000"')]) {
    const response = await server.post(body)
    expect([JSON.stringify(body), response.status]).toEqual([JSON.stringify(body), expect.toBeOneOf([200, 400])])
    expect(JSON.stringify(await answerOf(response))).toMatch(/"(result|error)":/)
  }
  expect((await answerOf(await server.post(call('"Ada"')))).result.content).toMatchObject([{ text: 'Hello, Ada!' }])
})

verifies('M12', 'no key of a body reaches a prototype', async () => {
  const bodies = [
    '{"jsonrpc":"2.0","id":1,"method":"tools/list","__proto__":{"polluted":1}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"__proto__":{"name":"x"}}}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{"\\u005f_proto__":{"name":"x"}}}}',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"constructor":{"prototype":{"polluted":1}}}}',
  ]
  for (const body of bodies) expect((await server.post(body)).status, body).toBe(400)
  const query = await fetch(`${server.resource}?__proto__[polluted]=1&constructor[prototype][polluted]=1`)
  expect(query.status).toBe(401)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

verifies('M13', 'JSON is read under its own content type alone, however that is spelled', async () => {
  const { message } = requestOf('2025-11-25', 'tools/list')
  const types: readonly [string | undefined, number][] = [
    ['application/json', 200],
    ['Application/JSON; charset=utf-8', 200],
    ['application/json;', 200],
    ['text/plain', 415],
    ['application/jsonx', 415],
    ['application/json\tx', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
    ['text/plain; application/json', 415],
    ['application/json, text/plain', 415],
    ['json', 415],
  ]
  for (const [type, status] of types) {
    const response = await server.post(message, { 'content-type': type })
    expect(response.status, type).toBe(status)
    if (status === 415) expect((await answerOf(response)).error.code).toBe(-32_000)
  }
  // A body that claims no type is no message.
  const body = new Blob([JSON.stringify(message)])
  const headers = { authorization: `Bearer ${await server.sign()}` }
  expect((await fetch(server.resource, { method: 'POST', headers, body })).status).toBe(415)
})

verifies('M14', 'an answer comes in a form that the client reads: a client that reads neither is told so', async () => {
  const cases: readonly [string | undefined, string | undefined][] = [
    [undefined, 'text/event-stream'],
    ['*/*', 'text/event-stream'],
    ['text/event-stream', 'text/event-stream'],
    ['application/json', 'application/json'],
    ['Application/JSON; charset=utf-8', 'application/json'],
    ['application/*', 'application/json'],
    ['*/*, text/event-stream;q=0', 'application/json'],
    ['application/json, text/event-stream', 'text/event-stream'],
    ['text/html', undefined],
    ['application/json;q=0', undefined],
    ['application/jsonx', undefined],
  ]
  for (const [accept, expected] of cases) {
    for (const era of eras) {
      const { message, headers } = requestOf(era, 'tools/call', { name: 'greet', arguments: { name: 'Ada' } })
      // fetch() sends */* where it is given nothing
      const response = await server.post(message, { ...headers, ...(accept !== undefined && { accept }) })
      const answer = await answerOf(response)
      if (expected === undefined) expect([accept, response.status, answer.error.code]).toEqual([accept, 406, -32_000])
      else expect([accept, answer.result?.content]).toEqual([accept, [{ type: 'text', text: 'Hello, Ada!' }]])
      // In 2026-07-28 an answer without notifications is JSON, unless only a stream is read.
      const isJson = era === '2026-07-28' && expected && accept !== 'text/event-stream'
      if (expected) expect(response.headers.get('content-type'), accept).toBe(isJson ? 'application/json' : expected)
    }
  }
})

verifies('M14', 'who reads JSON alone gets the answer, and none of what was said before it', async () => {
  for (const era of eras) {
    const { message, headers } = requestOf(era, 'tools/call', {
      name: 'multi-greet',
      arguments: { name: 'A\u2028da', count: 2, pause: 0 },
    })
    Object.assign(message.params, { _meta: { ...metaOf(message), progressToken: 'p', [LOG_LEVEL_META_KEY]: 'info' } })
    const response = await server.post(message, { ...headers, accept: 'application/json' })
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toMatchObject({
      id: 1,
      result: { content: [{ text: 'Greeted A\u2028da 2 times.' }] },
    })
  }
  const { message, headers } = requestOf('2026-07-28', 'subscriptions/listen', { notifications: {} })
  expect((await server.post(message, { ...headers, accept: 'application/json' })).status).toBe(406)
})

test('a member that is null counts as none', async () => {
  for (const era of eras) {
    const { message, headers } = requestOf(era, 'tools/list', { cursor: null })
    expect((await answerOf(await server.post(message, headers))).result.tools).not.toHaveLength(0)
    const called = requestOf(era, 'tools/call', { name: 'whoami', arguments: null })
    expect((await answerOf(await server.post(called.message, called.headers))).result.isError).toBeUndefined()
  }
  const wholes: readonly object[] = [
    { method: 'tools/list', params: null },
    { method: 'tools/list', params: { _meta: null } },
    { method: 'tools/list', params: { _meta: { progressToken: null } } },
    {
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: { sampling: null, elicitation: { form: null }, experimental: null },
        clientInfo: { name: 'x', version: '1', title: null, icons: null },
        _meta: null,
      },
    },
  ]
  for (const whole of wholes) {
    const { error } = await answerOf(await server.post({ jsonrpc: '2.0', id: 1, ...whole }))
    expect(error, JSON.stringify(whole)).toBeUndefined()
  }
  // A tool's own arguments are its own.
  const { message } = requestOf('2025-11-25', 'tools/call', { name: 'greet', arguments: { name: null } })
  expect((await answerOf(await server.post(message))).result.isError).toBe(true)
})

test('wrong parameters are told in one line', async () => {
  const cases: readonly [string, Record<string, unknown>, string][] = [
    ['tools/call', {}, 'name: expected string, received undefined'],
    ['tools/call', { name: 'greet', arguments: 'x' }, 'arguments: expected record, received string'],
    ['tools/list', { cursor: 7 }, 'cursor: expected string, received number'],
    ['prompts/get', { name: 'greeting-template', arguments: { name: 7 } }, 'arguments.name: expected string, received'],
    ['resources/read', { uri: null }, 'uri: expected string, received undefined'],
  ]
  for (const era of eras) {
    for (const [method, params, told] of cases) {
      const { message, headers } = requestOf(era, method, params)
      const name = 'uri' in params ? { 'mcp-name': '' } : {}
      const { error, id } = await answerOf(await server.post(message, { ...headers, ...name }))
      expect([era, method, id, error]).toEqual([
        ...[era, method, 1],
        { code: -32_602, message: expect.stringContaining(`Invalid params: ${told}`) },
      ])
      expect(error.message).not.toMatch(/[\n[{]/)
    }
  }
  const { error } = await answerOf(await server.post({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }))
  expect(error).toEqual({
    code: -32_602,
    message:
      'Invalid params: protocolVersion: expected string, received undefined; ' +
      'capabilities: expected object, received undefined; clientInfo: expected object, received undefined',
  })
})

verifies('M18', 'what would come back with every notification may have 400 characters', async () => {
  const [fits, long] = ['x'.repeat(400), 'x'.repeat(401)]
  const sealed = 'x'.repeat(16_384)
  const task = 'io.modelcontextprotocol/related-task'
  const cases: readonly [string, object, number, string][] = [
    ['id', { id: long }, -32_600, 'id may have 400'],
    ['token', { params: { _meta: { progressToken: long } } }, -32_602, 'progressToken may have 400'],
    ['cursor', { params: { cursor: long } }, -32_602, 'cursor may have 400'],
    ['cancelled', { params: { requestId: long } }, -32_602, 'requestId may have 400'],
    ['task', { params: { _meta: { [task]: { taskId: long } } } }, -32_602, 'taskId may have 400'],
    ['state', { params: { requestState: `${sealed}x` } }, -32_602, 'requestState may have 16384'],
  ]
  for (const era of eras) {
    for (const [title, change, code, told] of cases) {
      const { message, headers } = requestOf(era, 'tools/list')
      const params = { ...message.params, ...('params' in change ? (change.params as object) : {}) }
      const _meta = { ...metaOf(message), ...metaOf({ params }) }
      const response = await server.post({ ...message, ...change, params: { ...params, _meta } }, headers)
      const { error, id } = await answerOf(response)
      expect([title, response.status, error.code, id]).toEqual([title, 400, code, title === 'id' ? null : 1])
      expect(error.message).toContain(`${told} characters at most`)
    }
    const { message, headers } = requestOf(era, 'tools/list', { cursor: fits })
    const _meta = { ...metaOf(message), progressToken: fits }
    const answer = await answerOf(
      await server.post({ ...message, id: fits, params: { ...message.params, _meta } }, headers),
    )
    expect([answer.id, answer.error]).toEqual([fits, undefined])
  }
})

test('a tool that says nothing is heard of all the same, in both eras', async () => {
  const go = Promise.withResolvers<void>()
  const silent = defineTool({
    name: 'silent',
    title: 'Silent',
    description: 'Works, and says nothing.',
    scopes: ['mcp:tools:call'],
    input: z.strictObject({}),
    run: async () => {
      await go.promise
      return text('done')
    },
  })
  await using own = await startMcpServer({ source: createBuiltin({ tools: [silent] }), keepAlive: 20 })
  const call = (era: (typeof eras)[number]) => requestOf(era, 'tools/call', { name: 'silent', arguments: {} })
  const readers = await Promise.all(
    eras.map(async (era) => {
      const response = await own.post(call(era).message, call(era).headers)
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
      expect(response.headers.get('x-accel-buffering')).toBe('no')
      return response.body?.pipeThrough(new TextDecoderStream()).getReader()
    }),
  )
  for (const reader of readers) {
    for (let comments = 0; comments < 3; comments += 1)
      expect((await reader?.read())?.value).toMatch(/^(: keepalive\n\n)+$/)
  }
  // Who reads JSON alone has to wait.
  const { message, headers } = call('2026-07-28')
  const alone = own.post(message, { ...headers, accept: 'application/json' })
  go.resolve()
  expect((await alone).headers.get('content-type')).toBe('application/json')
  for (const reader of readers) {
    let rest = ''
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) rest += next.value
    const [event] = rest.replaceAll(': keepalive\n\n', '').split('\n\n')
    const data = JSON.parse(/^data: (.*)$/m.exec(event ?? '')?.[1] ?? '')
    expect(data).toMatchObject({ id: 1, result: { content: [{ text: 'done' }] } })
  }
})

verifies('M15', 'a tool is given what it asked for, and nothing else', async () => {
  const calls: readonly Record<string, unknown>[] = [
    {},
    { name: '' },
    { name: 7 },
    { name: 'x'.repeat(201) },
    { name: 'Ada', admin: true },
  ]
  for (const given of calls) {
    const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'greet', arguments: given })
    const { result } = await answerOf(await server.post(message, headers))
    expect(result.isError, JSON.stringify(given).slice(0, 40)).toBe(true)
  }
  const { message, headers } = requestOf('2026-07-28', 'tools/list')
  const { result } = await answerOf(await server.post(message, headers))
  for (const { inputSchema } of result.tools) expect(inputSchema.additionalProperties).toBe(false)
})
