import { startTestRedis, type TestRedis, verifies } from '@gatehouse/testing'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { answerOf, requestOf } from '../harness/mcp-server.ts'
import { type Replicas, startReplicas } from '../harness/replicas.ts'
import {
  call,
  hasAnswer,
  openSession,
  readEvents,
  type SentEvent,
  type SessionClient,
  textsOf,
} from '../harness/session-client.ts'
import { createTalkative } from '../harness/talkative.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'

const asked = vi.fn()

let redis: TestRedis
let replicas: Replicas
beforeAll(async () => {
  redis = await startTestRedis()
  replicas = await startReplicas({
    redisUrl: redis.url,
    answerLimit: 100,
    source: createTalkative(createBuiltin(), asked),
  })
})
afterAll(async () => {
  await replicas[Symbol.asyncDispose]()
  await redis[Symbol.asyncDispose]()
})

async function open(on: number, of: Replicas = replicas): Promise<SessionClient> {
  of.use(on)
  return openSession({ resource: of.resource, token: await of.sign(), capabilities: { elicitation: {} } })
}

const list = requestOf('2025-11-25', 'tools/list').message
const count = 12
const stream = (interval: number) =>
  call(5, 'multi-greet', { name: 'Ada', count: 10, pause: interval }, { progressToken: 1 })

verifies('X16', 'any replica answers any request of a session, and ends it for all', async () => {
  const session = await open(0)
  for (const replica of [1, 0, 1]) {
    replicas.use(replica)
    expect((await answerOf(await session.post(list))).result.tools.length).toBeGreaterThan(3)
  }
  const own = readEvents(await session.get())
  await own.next()
  replicas.use(0)
  expect((await session.delete()).status).toBe(200)
  expect(await own.next()).toBeUndefined()
  for (const replica of [0, 1]) {
    replicas.use(replica)
    expect((await session.post(list)).status).toBe(404)
  }
})

verifies(
  'X15',
  'a stream that is cut again and again goes on at the other replica, without loss or duplicate',
  async () => {
    const session = await open(0)
    let reader = readEvents(await session.post(stream(60)))
    const seen: SentEvent[] = []
    for (let replica = 1; !seen.some(hasAnswer); replica = 1 - replica) {
      for (let i = 0; i < 4; i += 1) {
        const event = await reader.next()
        if (event) seen.push(event)
      }
      if (seen.some(hasAnswer)) break
      await replicas.front.cut()
      replicas.use(replica)
      reader = readEvents(await session.get(seen.at(-1)?.id))
    }
    expect(textsOf(seen)).toEqual([
      'Starting to greet Ada',
      ...Array.from({ length: 10 }, (_, i) => `Greeting ${i + 1} of 10: hello, Ada!`),
    ])
    const progress = seen.filter(({ message }) => message?.method === 'notifications/progress')
    expect(progress.map(({ message }) => (message?.params as { progress: number } | undefined)?.progress)).toEqual(
      Array.from({ length: 10 }, (_, i) => i + 1),
    )
    expect(seen.filter(hasAnswer)).toHaveLength(1)
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length)
    expect(seen).toHaveLength(count + 10 + 1) // with the first one, which only says where to begin
  },
)

test('a real client, whose connection breaks in the middle of a call, does not notice', async () => {
  replicas.use(0)
  const token = await replicas.sign()
  const client = new Client({ name: 'test', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(replicas.resource), {
    authProvider: { token: async () => token },
    reconnectionOptions: {
      initialReconnectionDelay: 10,
      maxReconnectionDelay: 100,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 5,
    },
  })
  await client.connect(transport)
  const progress: number[] = []
  const calling = client.callTool(
    { name: 'multi-greet', arguments: { name: 'Ada', count: 10, pause: 250 } },
    {
      onprogress: ({ progress: done }) => {
        progress.push(done)
        if (done !== 3 && done !== 5) return
        replicas.use(done === 3 ? 1 : 0)
        void replicas.front.cut()
      },
    },
  )
  expect(await calling).toMatchObject({ content: [{ text: 'Greeted Ada 10 times.' }] })
  expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  await transport.terminateSession()
  await client.close()
}, 20_000)

test('a cancellation and an answer reach the replica that waits for them', async () => {
  const session = await open(0)
  const question = readEvents(await session.post(call(1, 'ask')))
  await question.next()
  const { message } = (await question.next()) ?? {}
  expect(message?.method).toBe('elicitation/create')
  const long = readEvents(await session.post(call(2, 'multi-greet', { name: 'Ada', count: 10, pause: 5_000 })))
  await long.next()
  await new Promise((resolve) => setTimeout(resolve, 200)) // after which it listens
  replicas.use(1)
  const answer = { jsonrpc: '2.0', id: message?.id, result: { action: 'accept', content: { name: 'Ada' } } }
  expect((await session.post(answer)).status).toBe(202)
  expect((await question.rest()).at(-1)?.message).toMatchObject({ result: { content: [{ text: 'You are Ada' }] } })
  await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 2 } })
  expect((await long.rest()).some(hasAnswer)).toBe(false)
})

test("the session's own stream says what happens on other replicas, and has one reader in all", async () => {
  const session = await open(0)
  const first = readEvents(await session.get())
  await first.next()
  replicas.use(1)
  await readEvents(await session.post(call(1, 'announce'))).rest()
  expect((await first.next())?.message?.method).toBe('notifications/resources/list_changed')
  const second = readEvents(await session.get())
  await second.next()
  expect(await first.next()).toBeUndefined()
  replicas.use(0)
  await readEvents(await session.post(call(2, 'announce'))).rest()
  expect((await second.next())?.message?.method).toBe('notifications/resources/list_changed')
  await session.delete()
})

test('a replica that stops in the middle leaves what it said, and the reader is told to ask again', async () => {
  await using own = await startReplicas({ redisUrl: redis.url, answerLimit: 100 })
  const session = await open(0, own)
  const reader = readEvents(await session.post(stream(1_000)))
  const seen = [await reader.next(), await reader.next()] as SentEvent[]
  await own.servers[0]?.app.close()
  own.use(1)
  const rest = await readEvents(await session.get(seen.at(-1)?.id)).rest()
  expect(rest.at(-1)?.message).toMatchObject({ id: 5, error: { message: expect.stringContaining('again') } })
  expect((await session.post(list)).status).toBe(200) // the session itself is not of any replica
})
