import { randomUUID } from 'node:crypto'
import { openRedisReplicas, type Replicas } from '@gatehouse/replicas'
import { startTestProxy, startTestRedis, type TestRedis } from '@gatehouse/testing'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createOwnBudgets } from '../limits/budgets.ts'
import { createSealedMail } from './sealed-mail.ts'
import { createSharedBudgets } from './shared-budgets.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

let prefix: string
let away: Error[]
beforeEach(() => {
  prefix = `mcp:test-${randomUUID()}:`
  away = []
})

const minute = 60_000
const mail = createSealedMail(['a secret for tests, and for nothing else'])
const shared = (replicas: Pick<Replicas, 'take' | 'giveBack'>) =>
  createSharedBudgets({
    replicas,
    mail,
    own: createOwnBudgets({ now: Date.now }),
    onAway: (error) => void away.push(error),
  })

async function open(connection = redis.url) {
  const replicas = openRedisReplicas({ connection, prefix })
  await expect.poll(() => replicas.isAlive('x').then(String, String)).toBe('false')
  return { budgets: shared(replicas), [Symbol.asyncDispose]: () => replicas.close() }
}

test('however many ask at once at two replicas, a window has no more than the limit', async () => {
  await using one = await open()
  await using other = await open()
  const countFor = async (name: string, limit: number, tries: number) => {
    const taken = Array.from({ length: tries }, (_, index) =>
      (index % 3 ? one : other).budgets.take(name, limit, minute),
    )
    return (await Promise.all(taken)).filter(({ allowed }) => allowed).length
  }
  for (const limit of [1, 7, 50, 200]) expect(await countFor(`n${limit}`, limit, 300), `${limit}`).toBe(limit)
  expect(await countFor('n1', 1, 100)).toBe(0)
  expect(away).toEqual([])
})

test('after its window there is another one for all', async () => {
  await using one = await open()
  await using other = await open()
  expect((await one.budgets.take('a', 1, 200)).allowed).toBe(true)
  await expect.poll(async () => (await other.budgets.take('a', 1, minute)).allowed).toBe(true)
  expect((await one.budgets.take('a', 1, minute)).allowed).toBe(false)
})

test('the store is told no name, also none that could be guessed without the secret', async () => {
  const keys: string[] = []
  const budgets = shared({
    async take(key) {
      keys.push(key)
      return { allowed: true, retryAfter: 1 }
    },
    giveBack: async () => undefined,
  })
  await budgets.take('github:ada', 1, minute)
  expect(keys).toEqual([mail.nameOf('budget github:ada')])
  expect(keys[0]).toMatch(/^[\w-]{43}$/)
})

test('while Redis is away each replica counts by itself, says so once, and they go on together when it is back', async () => {
  await using proxy = await startTestProxy(redis.url)
  await using one = await open(proxy.url)
  await using other = await open()
  const take = async (at: typeof one) => (await at.budgets.take('a', 2, minute)).allowed
  expect([await take(one), await take(other), await take(one)]).toEqual([true, true, false])
  proxy.freeze()
  expect([await take(one), await take(one), await take(one), await take(one)]).toEqual([true, true, false, false])
  expect(await take(other)).toBe(false)
  expect(away).toHaveLength(1)
  proxy.thaw()
  proxy.cut()
  const isShared = async () => {
    const name = randomUUID()
    await one.budgets.take(name, 1, minute)
    return !(await other.budgets.take(name, 1, minute)).allowed
  }
  await expect.poll(isShared, { timeout: 5_000 }).toBe(true)
  expect(away).toHaveLength(1)
})

test('also where Redis is full, or refuses for whatever reason, nobody waits and nobody is without a limit', async () => {
  const budgets = shared({
    take: async () => Promise.reject(new Error('OOM command not allowed')),
    giveBack: async () => Promise.reject(new Error('OOM command not allowed')),
  })
  const first = await budgets.take('a', 1, minute)
  expect([first.allowed, (await budgets.take('a', 1, minute)).allowed]).toEqual([true, false])
  await first.giveBack()
  expect((await budgets.take('a', 1, minute)).allowed).toBe(true)
})

test('what cannot be given back is no failure', async () => {
  const budgets = shared({
    take: async () => ({ allowed: true, retryAfter: 1 }),
    giveBack: async () => Promise.reject(new Error('gone')),
  })
  await expect((await budgets.take('a', 1, minute)).giveBack()).resolves.toBeUndefined()
})
