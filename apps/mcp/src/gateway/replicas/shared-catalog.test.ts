import { randomUUID } from 'node:crypto'
import { openRedisReplicas } from '@gatehouse/replicas'
import { startTestProxy, startTestRedis, type TestRedis } from '@gatehouse/testing'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Clock } from '../catalog/contract.ts'
import { createMemoryCatalogStore } from '../catalog/store.ts'
import { createSealedMail } from './sealed-mail.ts'
import { createSharedCatalogStore } from './shared-catalog.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

let prefix: string
let now: number
let errors: Error[]
beforeEach(() => {
  prefix = `mcp:test-${randomUUID()}:`
  now = Date.now()
  errors = []
})

async function open(connection = redis.url) {
  const replicas = openRedisReplicas({ connection, prefix })
  await expect.poll(() => replicas.isAlive('x').then(String, String)).toBe('false')
  const clock: Clock = { now: () => now, after: () => () => undefined }
  const mail = createSealedMail(['a secret for tests, and for nothing else'])
  const own = createMemoryCatalogStore(clock)
  const store = createSharedCatalogStore({ replicas, mail, clock, own, onerror: (error) => void errors.push(error) })
  return { store, replicas, [Symbol.asyncDispose]: () => replicas.close() }
}

test('what one replica knows all know, one that starts later included', async () => {
  await using one = await open()
  await one.store.put('k', { tools: ['a'] }, now + 60_000)
  await using other = await open()
  const first = await other.store.get('k')
  expect(first).toEqual({ tools: ['a'] })
  now += 10_000
  expect(await other.store.get('k'), 'it is the same while it does not change').toBe(first)
  await one.store.put('k', { tools: ['b'] }, now + 60_000)
  now += 10_000
  expect(await other.store.get('k')).toEqual({ tools: ['b'] })
  now += 60_000
  expect(await other.store.get('k')).toBeUndefined()
})

test('nobody reads it at the store, or puts something else there', async () => {
  await using one = await open()
  await using other = await open()
  await one.store.put('k', { tools: ['planted'] }, now + 60_000)
  const sealed = Buffer.from((await one.replicas.get('k')) ?? [])
  expect(sealed.includes('planted')).toBe(false)
  await one.replicas.put('other', sealed, 60_000)
  expect(await other.store.get('other')).toBeUndefined()
})

test('what is too large stays here', async () => {
  await using one = await open()
  await using other = await open()
  await one.store.put('k', 'small', now + 60_000)
  await one.store.put('k', 'x'.repeat(2 * 1024 * 1024), now + 60_000)
  expect(await one.store.get('k')).toHaveLength(2 * 1024 * 1024)
  expect(await other.store.get('k')).toBeUndefined()
})

test('while the store is away each has what it knew', async () => {
  await using proxy = await startTestProxy(redis.url)
  await using one = await open(proxy.url)
  await one.store.put('k', 'before', now + 60_000)
  await proxy.stop()
  now += 10_000
  expect(await one.store.get('k')).toBe('before')
  await one.store.put('k', 'meanwhile', now + 60_000)
  now += 10_000
  expect(await one.store.get('k')).toBe('meanwhile')
  expect(errors.length).toBeGreaterThan(0)
})
