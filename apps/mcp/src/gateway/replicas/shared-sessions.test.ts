import { startTestProxy, startTestRedis, type TestRedis } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testClient } from '../harness/clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import { behalfOf } from '../relay/client.ts'
import type { Upstream } from '../upstreams/contract.ts'
import { openMembers } from './harness/members.ts'
import { startSessionServer } from './harness/session-server.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const ada = behalfOf(testClient('2025'))
const count = async (upstream: Upstream): Promise<number> => {
  await upstream.describe(ada)
  const { content } = await upstream.request({ method: 'tools/call', params: { name: 'count' } }, ada)
  return JSON.parse(content[0].text).count
}

async function scene(urls?: readonly string[]) {
  const server = await startSessionServer()
  const all = await openMembers({ redis: redis.url, count: 2, settings: remoteSettings(server.url), urls })
  return {
    server,
    all,
    async [Symbol.asyncDispose]() {
      await all[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

test('all replicas share one session, which the next one goes on with', async () => {
  await using it = await scene()
  const [one, other] = it.all
  expect([await count(one.upstream), await count(other.upstream)]).toEqual([1, 2])
  await one.company.drain()
  expect(await count(other.upstream)).toBe(3)
  await one[Symbol.asyncDispose]()
  expect(await count(other.upstream)).toBe(4)
  expect([it.server.begun(), it.server.sessions.size]).toEqual([1, 1])
  const heard: string[] = []
  other.upstream.listen(ada, [], ({ method }) => void heard.push(method))
  await expect
    .poll(() => {
      it.server.announce('notifications/tools/list_changed')
      return heard.length
    })
    .toBeGreaterThan(0)
})

test('a replica that is cut off leaves its session to the others, and ends it for nobody', async () => {
  await using proxy = await startTestProxy(redis.url)
  await using it = await scene([proxy.url])
  const [one, other] = it.all
  expect(await count(one.upstream)).toBe(1)
  proxy.freeze()
  expect(await count(other.upstream)).toBe(2)
  expect(one.upstream.open).toBe(0)
  expect(it.server.begun()).toBe(1)
})

test('where somebody still has the stream of a session, the session goes on, and its stream later', async () => {
  await using it = await scene()
  const [one, other] = it.all
  expect(await count(one.upstream)).toBe(1)
  await one.company.drain()
  const [id = ''] = it.server.sessions.keys()
  const stopped = new AbortController()
  const headers = { accept: 'text/event-stream', 'mcp-session-id': id }
  const held = () => fetch(it.server.url, { headers, signal: stopped.signal }).then(({ status }) => status)
  await expect.poll(held).toBe(200)
  expect(await count(other.upstream)).toBe(2)
  expect(it.server.begun()).toBe(1)
  stopped.abort()
  const heard: string[] = []
  other.upstream.listen(ada, [], ({ method }) => void heard.push(method))
  const news = () => {
    it.server.announce('notifications/tools/list_changed')
    return heard.length
  }
  await expect.poll(news, { timeout: 10_000 }).toBeGreaterThan(0)
})

test('a session that the server forgot is begun again', async () => {
  await using it = await scene()
  const [one, other] = it.all
  expect(await count(one.upstream)).toBe(1)
  await one.company.drain()
  await one[Symbol.asyncDispose]()
  it.server.forget()
  expect(await count(other.upstream)).toBe(1)
  expect(it.server.begun()).toBe(2)
})

test('a session that is closed as unused is ended at the server, and taken up by nobody', async () => {
  await using it = await scene()
  const [one, other] = it.all
  expect(await count(one.upstream)).toBe(1)
  await one[Symbol.asyncDispose]()
  expect(it.server.sessions.size).toBe(0)
  expect(await count(other.upstream)).toBe(1)
})
