import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore, type SessionStore, sealedBy } from '@gatehouse/mcp-sessions'
import { StoreUnavailableError } from '@gatehouse/service'
import { verifies } from '@gatehouse/testing'
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { answerOf, requestOf, startMcpServer, type TestServer } from '../harness/mcp-server.ts'
import {
  call,
  hasAnswer,
  initialize,
  openSession,
  readEvents,
  type SentEvent,
  sessionClient,
  textsOf,
} from '../harness/session-client.ts'
import { createTalkative } from '../harness/talkative.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'
import { tools } from '../sources/builtin/tools/index.ts'
import { defineTool } from '../sources/builtin/tools/tool.ts'

const aborted = vi.fn()

/** Waits until nobody waits for it. */
const patient = defineTool({
  name: 'patient',
  title: 'Patient',
  description: 'Never ends by itself.',
  scopes: ['mcp:tools:call'],
  input: z.strictObject({}),
  run: ({ notify, signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted()
        reject(signal.reason)
      })
      void notify.message('waiting')
    }),
})

let server: TestServer
beforeAll(async () => {
  server = await startMcpServer({
    source: createTalkative(createBuiltin({ tools: [...tools, patient] })),
  })
})
afterAll(() => server[Symbol.asyncDispose]())

const open = async (
  options: { claims?: Record<string, unknown>; protocolVersion?: string; capabilities?: object } = {},
) =>
  openSession({
    resource: server.resource,
    token: await server.sign(options.claims),
    ...(options.protocolVersion && { protocolVersion: options.protocolVersion }),
    ...(options.capabilities && { capabilities: options.capabilities as Record<string, unknown> }),
  })
const list = requestOf('2025-11-25', 'tools/list').message
const greetings = (name: string) => call(7, 'multi-greet', { name, count: 4, pause: 20 }, { progressToken: 'p' })
const codeOf = async (response: Response) => [response.status, (await answerOf(response)).error.code]

test('a real client has a session, with a stream of its own, and ends it', async () => {
  const client = await server.connect('2025-11-25')
  const { sessionId } = client.transport as StreamableHTTPClientTransport
  expect(sessionId).toMatch(/^[\w-]{43}$/) // 256 bits
  expect(await client.callTool({ name: 'greet', arguments: { name: 'Ada' } })).toMatchObject({
    content: [{ text: 'Hello, Ada!' }],
  })
  await (client.transport as StreamableHTTPClientTransport).terminateSession()
  const session = sessionClient({ resource: server.resource, token: await server.sign(), sessionId })
  expect((await session.post(list)).status).toBe(404)
  await client.close()
})

describe('a session', () => {
  verifies('M1', 'has an id that nobody guesses: 256 bits, each time others, and nothing of the caller', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await open()).sessionId ?? ''))
    for (const id of ids) expect(id).toMatch(/^[\w-]{43}$/)
    expect(new Set(ids).size).toBe(ids.length)
    // as bytes, no place of them is the same in all
    const bytes = ids.map((id) => Buffer.from(id, 'base64url'))
    for (let place = 0; place < 32; place += 1) expect(new Set(bytes.map((id) => id[place])).size).toBeGreaterThan(4)
  })

  verifies('M4', 'is there until it is ended, and was never there under another id', async () => {
    const session = await open()
    expect((await answerOf(await session.post(list))).result.tools).toHaveLength(6)
    expect((await session.delete()).status).toBe(200)
    expect(await codeOf(await session.post(list))).toEqual([404, -32_001])
    expect(await codeOf(await session.get())).toEqual([404, -32_001])
    expect(await codeOf(await session.delete())).toEqual([404, -32_001])
    for (const sessionId of [
      'x',
      'A'.repeat(43),
      'A'.repeat(5_000),
      '../etc',
      `${session.sessionId}, ${session.sessionId}`,
    ]) {
      const stranger = sessionClient({ resource: server.resource, token: session.token, sessionId })
      expect(await codeOf(await stranger.post(list)), sessionId).toEqual([404, -32_001])
    }
  })

  test('that is over does not keep its client from beginning again, whatever id it still sends', async () => {
    const session = await open()
    await session.delete()
    const again = await session.post(initialize())
    const sessionId = again.headers.get('mcp-session-id') ?? ''
    expect([again.status, sessionId]).toEqual([200, expect.stringMatching(/^[\w-]{43}$/)])
    expect(sessionId).not.toBe(session.sessionId)
    await again.text()
    const renewed = sessionClient({ resource: server.resource, token: session.token, sessionId })
    expect((await answerOf(await renewed.post(list))).result.tools).toHaveLength(6)
    expect((await renewed.post(initialize())).status, 'one that lives is not begun again').toBe(400)
    const thief = renewed.as(await server.sign({ sub: 'github:2' }))
    const other = await thief.post(initialize())
    expect(other.headers.get('mcp-session-id'), 'of somebody else it is as if it never was').not.toBe(sessionId)
    expect(other.status).toBe(200)
  })

  verifies('M4', 'has to be named to be read from or ended; a message without one stands alone', async () => {
    const nameless = sessionClient({ resource: server.resource, token: await server.sign() })
    expect((await nameless.get()).status).toBe(400)
    expect((await nameless.delete()).status).toBe(400)
    const answered = await nameless.post(list)
    expect(answered.status).toBe(200)
    expect(answered.headers.get('mcp-session-id')).toBeNull()
  })

  verifies('M1', 'is there for the person and the client that opened it, and for nobody else', async () => {
    const session = await open({ claims: { sub: 'github:1', client_id: 'one' } })
    const answer = readEvents(await session.post(greetings('Ada')))
    const first = (await answer.next())?.id ?? ''
    const others = [
      { sub: 'github:2', client_id: 'one' },
      { sub: 'github:1', client_id: 'two' },
      { sub: 'one', client_id: 'one' },
    ]
    for (const claims of others) {
      const thief = session.as(await server.sign(claims))
      for (const response of [
        await thief.post(list),
        await thief.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } }),
        await thief.post({ jsonrpc: '2.0', id: 0, result: {} }),
        await thief.get(),
        await thief.get(first),
        await thief.delete(),
      ]) {
        expect(await codeOf(response)).toEqual([404, -32_001])
        expect(response.headers.get('mcp-session-id')).toBeNull()
      }
    }
    expect((await answer.rest()).some(hasAnswer)).toBe(true)
    const renewed = session.as(await server.sign({ sub: 'github:1', client_id: 'one', jti: 'another' }))
    expect((await renewed.post(list)).status).toBe(200)
  })

  test('goes by the token of each request: who has more scopes by now sees and may more', async () => {
    const session = await open()
    expect((await session.post(call(1, 'start-notification-stream', { count: 1, interval: 10 }))).status).toBe(403)
    const more = session.as(await server.sign({ scope: 'mcp:tools:call mcp:tools:notify' }))
    const { result } = await answerOf(await more.post(list))
    expect(result.tools.map(({ name }: { name: string }) => name)).toContain('start-notification-stream')
    const called = await more.post(call(1, 'start-notification-stream', { count: 2, interval: 10 }))
    expect(textsOf(await readEvents(called).rest())).toEqual(['Notification 1 of 2', 'Notification 2 of 2'])
  })

  test('of a request of 2026-07-28 is not looked at: that era has none', async () => {
    const { message, headers } = requestOf('2026-07-28', 'tools/list')
    expect((await server.post(message, { ...headers, 'mcp-session-id': 'nonsense' })).status).toBe(200)
  })

  test('is opened once, by a first message that is whole', async () => {
    const session = await open()
    const again = await session.post(initialize())
    expect(again.status).toBe(400)
    const nameless = sessionClient({ resource: server.resource, token: session.token })
    const broken = await nameless.post({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })
    expect(broken.headers.get('mcp-session-id')).toBeNull()
    const large = initialize('2025-11-25', { experimental: { large: 'x'.repeat(20_000) } })
    const served = await nameless.post(large)
    expect([served.status, served.headers.get('mcp-session-id')]).toEqual([200, null])
  })

  test('negotiates with whatever version the client has', async () => {
    for (const version of ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']) {
      const nameless = sessionClient({ resource: server.resource, token: await server.sign() })
      const { result } = await answerOf(await nameless.post(initialize(version)))
      expect(result.protocolVersion).toBe(version)
    }
    const session = await open()
    for (const response of [
      await session.post(list, { 'mcp-protocol-version': '1999-01-01' }),
      await session.get(undefined, { 'mcp-protocol-version': '1999-01-01' }),
      await session.delete({ 'mcp-protocol-version': '1999-01-01' }),
      await session.post(
        { jsonrpc: '2.0', method: 'notifications/initialized' },
        { 'mcp-protocol-version': '1999-01-01' },
      ),
    ]) {
      expect(response.status).toBe(400)
    }
  })
})

describe('headers in a session', () => {
  test('of a request without a body do not say what it is: the session ends all the same', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'text/plain']) {
      const session = await open()
      expect((await session.delete({ 'content-type': type })).status).toBe(200)
      expect((await session.post(list)).status).toBe(404)
      const stream = await (await open()).get(undefined, { 'content-type': type })
      expect(stream.status).toBe(200)
      await stream.body?.cancel()
    }
  })

  verifies('M14', 'say what the client can read', async () => {
    const session = await open()
    for (const accept of ['text/event-stream', '*/*', 'application/json']) {
      const response = await session.post(list, { accept })
      const type = accept === 'application/json' ? accept : 'text/event-stream'
      expect([response.status, response.headers.get('content-type')], accept).toEqual([200, type])
      expect(response.headers.get('mcp-session-id')).toBe(session.sessionId)
      expect((await answerOf(response)).result.tools.length).toBeGreaterThan(0)
      expect((await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' }, { accept })).status).toBe(202)
    }
    expect((await session.post(list, { accept: 'text/html' })).status).toBe(406)
    expect((await session.get(undefined, { accept: 'application/json' })).status).toBe(406)
    const stream = await session.get(undefined, { accept: '*/*' })
    expect(stream.status).toBe(200)
    await stream.body?.cancel()
  })

  test('who reads the answer of a call as JSON is asked on the stream of the session', async () => {
    const session = await open({ capabilities: { elicitation: {} } })
    const stream = readEvents(await session.get())
    const answer = session.post(call(9, 'ask'), { accept: 'application/json' })
    await stream.next()
    const question = await stream.next()
    expect(question?.message).toMatchObject({ method: 'elicitation/create' })
    const result = { action: 'accept', content: { name: 'Ada' } }
    await session.post({ jsonrpc: '2.0', id: question?.message?.id, result })
    expect(await (await answer).json()).toMatchObject({ id: 9, result: { content: [{ text: 'You are Ada' }] } })
    await stream.cancel()
  })
})

describe('the stream of a request', () => {
  test('tells what happens as it happens, and can be resumed from its first event on', async () => {
    const session = await open()
    const response = await session.post(greetings('Ada'))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('mcp-session-id')).toBe(session.sessionId)
    const events = await readEvents(response).rest()
    expect(events[0]).toMatchObject({ id: expect.any(String), retry: '1000', message: undefined })
    expect(textsOf(events)).toEqual([
      'Starting to greet Ada',
      'Greeting 1 of 4: hello, Ada!',
      'Greeting 2 of 4: hello, Ada!',
      'Greeting 3 of 4: hello, Ada!',
      'Greeting 4 of 4: hello, Ada!',
    ])
    const progress = events.filter(({ message }) => message?.method === 'notifications/progress')
    expect(progress.map(({ message }) => message?.params)).toEqual(
      [1, 2, 3, 4].map((done) => ({ progressToken: 'p', progress: done, total: 4 })),
    )
    expect(events.at(-1)?.message).toMatchObject({ id: 7, result: { content: [{ text: 'Greeted Ada 4 times.' }] } })
    for (const { id } of events) expect(id).toBeDefined()
    for (const [i, { id }] of events.entries()) {
      const resumed = await session.get(id)
      if (i < events.length - 1) expect(await readEvents(resumed).rest()).toEqual(events.slice(i + 1))
      // some clients would come back for ever
      else expect([resumed.status, resumed.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE, OPTIONS'])
    }
  })

  test('that broke goes on where it was left, and the work was not disturbed', async () => {
    const session = await open()
    const answer = readEvents(await session.post(greetings('Ada')))
    const seen = [await answer.next(), await answer.next(), await answer.next()] as SentEvent[]
    await answer.cancel()
    const resumed = await session.get(seen.at(-1)?.id)
    expect(resumed.headers.get('mcp-session-id')).toBe(session.sessionId)
    const all = [...seen, ...(await readEvents(resumed).rest())]
    expect(textsOf(all)).toHaveLength(5)
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    expect(all.filter(hasAnswer)).toHaveLength(1)
  })

  test('is read by the last one that asked for it', async () => {
    const session = await open()
    const answer = readEvents(await session.post(call(8, 'patient')))
    const first = await answer.next()
    await answer.cancel()
    const early = readEvents(await session.get(first?.id))
    expect(textsOf([(await early.next()) as SentEvent])).toEqual(['waiting'])
    const late = readEvents(await session.get(first?.id))
    expect(await early.rest()).toEqual([])
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 8 } })
    expect((await late.rest()).at(-1)?.message).toMatchObject({ id: 8, error: { message: 'Cancelled' } })
  })

  verifies('M3', 'is resumed by its owner only, and only after an event that was', async () => {
    const session = await open({ claims: { sub: 'github:1' } })
    const events = await readEvents(await session.post(greetings('Ada'))).rest()
    const [stream = '', position = ''] = events[1]?.id?.split('.') ?? []
    const mine = await open({ claims: { sub: 'github:1' } })
    const theirs = await open({ claims: { sub: 'github:2' } })
    for (const other of [mine, theirs]) {
      for (const { id } of events) expect((await other.get(id)).status).toBe(400)
    }
    const forged = [
      'x',
      '0',
      `own.${position}`,
      `${stream}.0-0`,
      `${stream}.${position}.1`,
      `${stream}.99999999999999-9`,
      `__proto__.${position}`,
      `${stream}.${'9'.repeat(5_000)}`,
      '*',
      '$',
      '-',
    ]
    for (const id of forged) {
      const response = await session.get(id)
      expect([response.status, response.headers.get('content-type')], id.slice(0, 30)).toEqual([
        400,
        'application/json; charset=utf-8',
      ])
    }
  })

  test('is not primed for clients that read the data of every event as JSON', async () => {
    const session = await open({ protocolVersion: '2025-06-18' })
    const response = await session.post(greetings('Ada'), { 'mcp-protocol-version': '2025-06-18' })
    const events = await readEvents(response).rest()
    for (const { message, id } of events) expect([message, id]).not.toContain(undefined)
    expect(await readEvents(await session.get(events[2]?.id)).rest()).toEqual(events.slice(3))
  })

  test('ends when the client cancels, and so does the work', async () => {
    aborted.mockClear()
    const session = await open()
    const answer = readEvents(await session.post(call(9, 'patient')))
    await answer.next()
    await answer.next()
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 9, reason: 'enough' } }
    expect((await session.post(cancel)).status).toBe(202)
    expect((await answer.rest()).filter(hasAnswer)).toEqual([])
    expect(aborted).toHaveBeenCalledOnce()
  })

  test('may ask the client, whose answer finds its way among others', async () => {
    const session = await open({ capabilities: { elicitation: {} } })
    const answers = await Promise.all(
      ['Ada', 'Bob', 'Eve'].map(async (name, i) => {
        const stream = readEvents(await session.post(call(i, 'ask')))
        await stream.next() // primed
        const question = await stream.next()
        expect(question?.message).toMatchObject({ method: 'elicitation/create' })
        return { name, stream, id: question?.message?.id }
      }),
    )
    expect(new Set(answers.map(({ id }) => id)).size).toBe(3)
    for (const { name, id } of answers.toReversed()) {
      const result = { action: 'accept', content: { name } }
      expect((await session.post({ jsonrpc: '2.0', id, result })).status).toBe(202)
    }
    for (const { name, stream } of answers) {
      expect((await stream.rest()).at(-1)?.message).toMatchObject({
        result: { content: [{ text: `You are ${name}` }] },
      })
    }
    const nameless = sessionClient({ resource: server.resource, token: session.token })
    expect((await nameless.post({ jsonrpc: '2.0', id: 0, result: {} })).status).toBe(400)
  })

  test('keeps no level of logging that there is not', async () => {
    const session = await open()
    const level = (given: string) => ({ jsonrpc: '2.0', id: 1, method: 'logging/setLevel', params: { level: given } })
    const refused = await answerOf(await session.post(level('x'.repeat(500_000))))
    expect(refused.error.code).toBe(-32_602)
    expect(refused.error.message).toContain('Invalid params: level: ')
    const silenced = await readEvents(await session.post(level('emergency'))).rest()
    expect(silenced.some(hasAnswer)).toBe(true)
    await session.post(level('loud'))
    expect(textsOf(await readEvents(await session.post(greetings('Ada'))).rest())).toEqual([])
  })

  test('keeps to the level of logging that the client asked for', async () => {
    const session = await open()
    const level = requestOf('2025-11-25', 'logging/setLevel', { level: 'error' }).message
    expect((await answerOf(await session.post(level))).error).toBeUndefined()
    const events = await readEvents(await session.post(greetings('Ada'))).rest()
    expect(textsOf(events)).toEqual([])
    expect(events.some(hasAnswer)).toBe(true)
  })
})

describe("the session's own stream", () => {
  test('tells what belongs to no request, and goes on where it was left', async () => {
    const session = await open()
    const stream = readEvents(await session.get())
    const primed = await stream.next()
    expect(primed).toMatchObject({ id: expect.any(String), retry: '1000', message: undefined })
    await readEvents(await session.post(call(1, 'announce'))).rest()
    const first = await stream.next()
    expect(first?.message?.method).toBe('notifications/resources/list_changed')
    await stream.cancel()
    await readEvents(await session.post(call(2, 'announce'))).rest()
    const resumed = readEvents(await session.get(first?.id))
    expect((await resumed.next())?.message?.method).toBe('notifications/resources/list_changed')
    const fresh = readEvents(await session.get())
    expect(await resumed.next()).toBeUndefined() // the newer one took over
    await fresh.next()
    await session.delete()
    expect(await fresh.next()).toBeUndefined()
  })
})

describe('bounds', () => {
  verifies(
    'M18',
    'a person has so many streams at once: those that are open stay, the next one is refused',
    async () => {
      await using own = await startMcpServer({
        streamLimits: { perSubject: 2 },
        answerLimit: 50,
        source: createBuiltin({ tools: [...tools, patient] }),
      })
      const sessions = await Promise.all(
        ['dev:a', 'dev:a', 'dev:a', 'dev:b'].map(async (sub) =>
          openSession({ resource: own.resource, token: await own.sign({ sub }) }),
        ),
      )
      const [first, second, third, other] = sessions as [
        (typeof sessions)[0],
        (typeof sessions)[0],
        (typeof sessions)[0],
        (typeof sessions)[0],
      ]
      const kept = readEvents(await first.get())
      await kept.next()
      const long = readEvents(await second.post(call(1, 'multi-greet', { name: 'Ada', count: 1, pause: 5_000 })))
      await long.next()
      const refused = await third.get()
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10'])
      expect((await third.post(call(1, 'multi-greet', { name: 'Ada' }))).status).toBe(429)
      const { message, headers } = requestOf('2026-07-28', 'subscriptions/listen', { notifications: {} })
      const authorization = `Bearer ${await own.sign({ sub: 'dev:a' })}`
      expect((await own.post(message, { ...headers, authorization })).status).toBe(429)
      expect((await third.post(list)).status).toBe(200) // what is over at once is not counted
      const allowed = readEvents(await other.get())
      await allowed.next()
      await kept.cancel()
      await vi.waitFor(async () => expect((await third.get()).status).toBe(200))
      await first.delete()
    },
  )

  verifies('M18', 'who leaves a long call does not get its place back before it is over', async () => {
    await using own = await startMcpServer({
      streamLimits: { perSubject: 1 },
      answerLimit: 50,
      source: createBuiltin({ tools: [...tools, patient] }),
    })
    const session = await openSession({ resource: own.resource, token: await own.sign() })
    const long = readEvents(await session.post(call(1, 'multi-greet', { name: 'Ada', count: 1, pause: 5_000 })))
    await long.next()
    await long.cancel()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect((await session.post(call(2, 'multi-greet', { name: 'Ada' }))).status).toBe(429)
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } })
    await vi.waitFor(async () => {
      expect((await session.post(call(3, 'multi-greet', { name: 'Ada', count: 1, pause: 0 }))).status).toBe(200)
    })
  })

  verifies(
    'M19',
    'a stream ends with the token it was opened with, whatever works on it',
    async () => {
      aborted.mockClear()
      const session = await open()
      const brief = session.as(await server.sign({ exp: Math.floor(Date.now() / 1000) + 2 }))
      const began = performance.now()
      const own = readEvents(await brief.get())
      const answer = readEvents(await brief.post(call(1, 'patient')))
      const { message, headers } = requestOf('2026-07-28', 'tools/call', { name: 'patient', arguments: {} })
      const modern = server.post(message, { ...headers, authorization: `Bearer ${brief.token}` })
      const events = await answer.rest()
      expect(events.at(-1)?.message).toMatchObject({
        result: { isError: true, content: [{ text: expect.stringContaining('token expired') }] },
      })
      expect((await answerOf(await modern)).result.isError).toBe(true)
      await own.rest()
      expect(performance.now() - began).toBeLessThan(4_000)
      expect(aborted).toHaveBeenCalledTimes(2)
      // A token that is only just taken is good for as long as it is taken.
      const late = session.as(await server.sign({ exp: Math.floor(Date.now() / 1000) - 5 }))
      expect(textsOf(await readEvents(await late.post(greetings('Ada'))).rest())).toHaveLength(5)
    },
    10_000,
  )
})

describe('what is stored', () => {
  test('tells nothing to who has a copy of it: neither ids nor people nor what was said', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'gatehouse-sessions-'))
    try {
      const path = join(directory, 'mcp.sqlite')
      await using own = await startMcpServer({ store: openSqliteStore({ path }) })
      const token = await own.sign({ sub: 'github:4711', client_id: 'confidant' })
      const session = await openSession({ resource: own.resource, token })
      await readEvents(await session.post(greetings('Rumpelstiltskin'))).rest()
      const stored = readdirSync(directory).map((file) => readFileSync(join(directory, file)).toString('latin1'))
      const secrets = ['Rumpelstiltskin', 'github:4711', 'confidant', 'by hand', session.sessionId ?? '', token]
      for (const secret of secrets) expect(stored.join('').includes(secret), secret).toBe(false)
      for (const secret of [session.sessionId ?? '', token]) expect(own.log.join('')).not.toContain(secret)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('and was changed or moved is not there, and is reported', async () => {
    const store = openSqliteStore({ path: ':memory:' })
    await using own = await startMcpServer({ store })
    const [one, two] = [
      await openSession({ resource: own.resource, token: await own.sign({ sub: 'dev:1' }) }),
      await openSession({ resource: own.resource, token: await own.sign({ sub: 'dev:2' }) }),
    ]
    const [keyOfOne, keyOfTwo] = [one, two].map(({ sessionId = '' }) => sealedBy(sessionId).key) as [string, string]
    await store.replace(keyOfOne, (await store.use(keyOfTwo)) ?? new Uint8Array())
    expect((await one.post(list)).status).toBe(404)
    await store.replace(keyOfOne, new Uint8Array(5))
    expect((await one.post(list)).status).toBe(404)
    expect((await two.post(list)).status).toBe(200)
    expect(own.log.join('')).toContain('Unsupported state')
    const stream = readEvents(await two.post(call(1, 'multi-greet', { name: 'Ada', count: 1, pause: 300 })))
    await stream.next()
    await store.mail(keyOfTwo, new Uint8Array(50))
    expect((await stream.rest()).some(hasAnswer)).toBe(true)
  })
})

describe('a store that is away', () => {
  const away = new Proxy(openSqliteStore({ path: ':memory:' }), {
    get: (store, name) => (name === 'close' ? store.close : () => Promise.reject(new StoreUnavailableError())),
  }) as SessionStore

  test('costs sessions, and nothing else', async () => {
    await using own = await startMcpServer({ store: away })
    const nameless = sessionClient({ resource: own.resource, token: await own.sign() })
    const opened = await nameless.post(initialize())
    expect([opened.status, opened.headers.get('mcp-session-id')]).toEqual([200, null])
    const session = sessionClient({ resource: own.resource, token: await own.sign(), sessionId: 'A'.repeat(43) })
    for (const response of [await session.post(list), await session.get(), await session.delete()]) {
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2'])
    }
    const client = await own.connect('2026-07-28')
    expect(await client.callTool({ name: 'greet', arguments: { name: 'Ada' } })).toMatchObject({ content: [{}] })
    await client.close()
    expect((await fetch(`${own.origin}/readyz`)).status).toBe(200)
    expect(own.log.join('')).toContain('store_unavailable')
  })

  test('in the middle of an answer leaves the answer, and the rest is not resumed as if it were whole', async () => {
    const store = openSqliteStore({ path: ':memory:' })
    let isAway = false
    const failing = new Proxy(store, {
      get: (target, name) => {
        const method = target[name as keyof SessionStore] as (...args: unknown[]) => unknown
        return isAway && name === 'append' ? () => Promise.reject(new StoreUnavailableError()) : method
      },
    })
    await using own = await startMcpServer({ store: failing })
    const session = await openSession({ resource: own.resource, token: await own.sign() })
    const answer = readEvents(await session.post(greetings('Ada')))
    const first = [await answer.next(), await answer.next()] as SentEvent[]
    isAway = true
    const rest = await answer.rest()
    expect(textsOf([...first, ...rest])).toHaveLength(5)
    expect(rest.some(hasAnswer)).toBe(true)
    isAway = false
    const resumed = await readEvents(await session.get(first.at(-1)?.id)).rest()
    expect(resumed.at(-1)?.message).toMatchObject({ id: 7, error: { message: expect.stringContaining('again') } })
  }, 15_000)
})

describe('at the end of the process', () => {
  test('streams that wait are told to come back, and calls are answered', async () => {
    await using own = await startMcpServer({ answerLimit: 300, source: createBuiltin({ tools: [...tools, patient] }) })
    const session = await openSession({ resource: own.resource, token: await own.sign() })
    const waiting = readEvents(await session.get())
    await waiting.next()
    const short = readEvents(await session.post(call(1, 'multi-greet', { name: 'Ada', count: 1, pause: 100 })))
    const long = readEvents(await session.post(call(2, 'patient')))
    await long.next()
    const began = performance.now()
    const closed = own.app.close()
    expect((await waiting.rest()).at(-1)).toMatchObject({ retry: '1000' })
    expect((await short.rest()).at(-1)?.message).toMatchObject({
      result: { content: [{ text: 'Greeted Ada 1 time.' }] },
    })
    expect((await long.rest()).at(-1)?.message).toMatchObject({
      id: 2,
      error: { message: expect.stringContaining('stopping') },
    })
    await closed
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})
