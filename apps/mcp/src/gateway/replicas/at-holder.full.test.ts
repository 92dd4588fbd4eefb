import { join } from 'node:path'
import { startTestProxy, startTestRedis, type TestRedis } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testClient } from '../harness/clients.ts'
import { everythingServer } from '../harness/everything.ts'
import { startFixture } from '../harness/fixture-upstream.ts'
import { stdioSettings } from '../harness/settings.ts'
import { behalfOf } from '../relay/client.ts'
import type { UpstreamSettings } from '../settings.ts'
import type { Behalf, Members } from '../upstreams/contract.ts'
import { type Member, openMembers } from './harness/members.ts'

let redis: TestRedis
const program = join(import.meta.dirname, '../harness/counting-command.ts')
const counting = stdioSettings([process.execPath, '--disable-warning=ExperimentalWarning', program])
const members = (count: number, settings: UpstreamSettings = counting, urls?: readonly string[]) =>
  openMembers({ redis: redis.url, count, settings, urls })

beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const call = (name: string, args: object = {}) => ({ method: 'tools/call', params: { name, arguments: args } })
const said = ({ content }: Members) => JSON.parse(content[0].text)
const ada = (given: Partial<Behalf> = {}): Behalf => ({ ...behalfOf(testClient('2025')), ...given })

/** A call that runs until it is cancelled, once it has begun. */
async function begin(at: Member, given: Partial<Behalf> = {}) {
  const begun = Promise.withResolvers<void>()
  const outcome = at.upstream.request(
    call('wait'),
    ada({ progressToken: 'begun', hear: () => begun.resolve(), ...given }),
  )
  const error = outcome.then(
    () => undefined,
    (error) => error,
  )
  await Promise.race([begun.promise, error])
  return { error }
}

/** A call that runs until its question is answered, once it has asked. */
async function beginToAsk(at: Member) {
  const [begun, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const ask = async () => {
    begun.resolve()
    await answered.promise
    return { action: 'accept', content: {} }
  }
  const running = at.upstream.request(call('ask'), ada({ ask }))
  await begun.promise
  return { running, answer: answered.resolve }
}

test('one process does what all replicas are asked, in order, and each caller has one', async () => {
  await using all = await members(3)
  const results: Members[] = []
  for (let n = 0; n < 30; n += 1)
    results.push(said(await (all[n % 3] as Member).upstream.request(call('count', { n }), ada())))
  expect(new Set(results.map(({ pid }) => pid)).size).toBe(1)
  expect(results.map(({ count }) => count)).toEqual(results.map((_, index) => index + 1))
  expect(all.map(({ upstream }) => upstream.open)).toEqual([1, 0, 0])
  const eve = { ...ada(), owner: { ...ada().owner, subject: 'dev:eve' } }
  expect(said(await all[1].upstream.request(call('count'), eve)).count).toBe(1)
  expect(all.map(({ upstream }) => upstream.open)).toEqual([1, 1, 0])
})

test('of many who begin at once all come to one process', async () => {
  await using all = await members(3)
  const calls = Array.from({ length: 30 }, (_, n) =>
    (all[n % 3] as Member).upstream.request(call('count', { n }), ada()),
  )
  const results = (await Promise.all(calls)).map(said)
  expect(new Set(results.map(({ pid }) => pid)).size).toBe(1)
  expect(results.map(({ n }) => n)).toEqual(results.map((_, n) => n))
})

test('progress, questions and large results come to the one who asked, in order', async () => {
  await using all = await members(2)
  await all[0].upstream.request(call('count'), ada())
  const heard: unknown[] = []
  const hear: Behalf['hear'] = ({ params }) => void heard.push([params?.progressToken, params?.progress])
  const progress = await all[1].upstream.request(call('progress'), ada({ progressToken: 'p', hear }))
  expect(said(progress).count).toBe(2)
  expect(heard).toEqual(Array.from({ length: 50 }, (_, index) => ['p', index + 1]))
  const ask: Behalf['ask'] = async ({ params }) => ({ action: 'accept', content: { name: params?.message } })
  const asked = await all[1].upstream.request(call('ask', { n: 7 }), ada({ ask }))
  expect(said(asked).answer.content).toEqual({ name: 'Your name, 7?' })
  // many pieces of mail; as large as an answer may be, it is in replicas.full.test.ts
  const big = await all[1].upstream.request(call('big', { characters: 1_000_000 }), ada())
  expect(big.content[0].text).toBe('é'.repeat(1_000_000))
})

test('errors come as they are, and a call that is cancelled ends there', async () => {
  await using all = await members(2)
  await all[0].upstream.request(call('count'), ada())
  const unknown = all[1].upstream.request({ method: 'odd/thing' }, ada())
  await expect(unknown).rejects.toMatchObject({ code: -32_601, message: 'Method not found' })
  const leaving = new AbortController()
  const { error } = await begin(all[1], { signal: leaving.signal })
  leaving.abort()
  expect(await error).toMatchObject({ fault: 'timeout' })
  expect(said(await all[1].upstream.request(call('count'), ada())).count).toBe(3)
})

test('what a replica had is for the others when it is closed', async () => {
  await using all = await members(2)
  const { pid } = said(await all[0].upstream.request(call('count'), ada()))
  await all[0][Symbol.asyncDispose]()
  const next = said(await all[1].upstream.request(call('count'), ada()))
  expect(next).toMatchObject({ count: 1 })
  expect(next.pid).not.toBe(pid)
})

test('an upstream that is closed answers what others asked of it before', async () => {
  await using all = await members(2)
  await all[0].upstream.request(call('count'), ada())
  const { running, answer } = await beginToAsk(all[1])
  const closed = all[0].upstream.close()
  answer()
  await closed
  expect(said(await running).count).toBe(2)
})

test('who drains leaves what is idle to the others at once, and answers what runs', async () => {
  await using all = await members(2)
  const eve = { ...ada(), owner: { ...ada().owner, subject: 'dev:eve' } }
  const { pid } = said(await all[0].upstream.request(call('count'), ada()))
  await all[0].upstream.request(call('count'), eve)
  let isOver = false
  const { running, answer } = await beginToAsk(all[1])
  const drained = all[0].company.drain().then(() => {
    isOver = true
  })
  expect(said(await all[1].upstream.request(call('count'), eve)).count).toBe(1)
  expect(isOver).toBe(false)
  answer()
  expect(said(await running).pid).toBe(pid)
  await drained
  expect(said(await all[1].upstream.request(call('count'), ada())).count).toBe(1)
  expect(all[0].upstream.open).toBe(0)
})

test('a replica that is cut off ends what it had; a call that runs there ends with one clear error', async () => {
  await using proxy = await startTestProxy(redis.url)
  await using all = await members(2, counting, [proxy.url])
  const { pid } = said(await all[0].upstream.request(call('count'), ada()))
  const { error } = await begin(all[1])
  proxy.freeze()
  expect(await error).toMatchObject({ fault: 'interrupted', message: expect.stringContaining('is gone') })
  const next = said(await all[1].upstream.request(call('count'), ada()))
  expect(next).toMatchObject({ count: 1 })
  expect(next.pid).not.toBe(pid)
  await expect(all[0].upstream.request(call('count'), ada())).rejects.toMatchObject({ fault: 'unreachable' })
  proxy.thaw()
  proxy.cut()
  const back = () => all[0].upstream.request(call('count'), ada()).then(said, () => ({}))
  await expect.poll(() => back(), { timeout: 10_000 }).toMatchObject({ pid: next.pid })
  await expect.poll(() => all[0].upstream.open).toBe(0)
})

test('news of a process reach anyone who listens, wherever', async () => {
  await using server = await startFixture('stdio 2025', {}, 'matrix')
  await using all = await members(2, server.settings)
  await all[0].upstream.request({ method: 'tools/list' }, ada())
  const heard: string[] = []
  const stop = all[1].upstream.listen(ada(), [], ({ method }) => void heard.push(method))
  const change = () => all[0].upstream.request(call('change'), ada()).then(() => heard.length)
  await expect.poll(change, { timeout: 10_000, interval: 200 }).toBeGreaterThan(0)
  expect(heard[0]).toBe('notifications/tools/list_changed')
  stop()
})

test('a server that wants no session is asked by each replica for itself', async () => {
  await using server = await startFixture('http 2026')
  await using all = await members(2, server.settings)
  for (const { upstream } of all) {
    await upstream.describe(ada())
    await upstream.describe(ada())
    await upstream.request({ method: 'tools/list' }, ada())
  }
  expect(all.map(({ upstream }) => upstream.open)).toEqual([1, 1])
})

test('a session of a server is at one replica', async () => {
  await using server = await everythingServer('http')
  await using all = await members(2, server.settings)
  for (const { upstream } of [...all, ...all]) {
    await upstream.describe(ada())
    const echo = await upstream.request(call('echo', { message: 'hi' }), ada())
    expect(JSON.stringify(echo)).toContain('Echo: hi')
  }
  expect(all.map(({ upstream }) => upstream.open)).toEqual([1, 0])
})
