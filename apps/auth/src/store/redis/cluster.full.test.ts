// The same suite on a Redis Cluster of three masters, and what is different there: a connection to each node, and nodes
// that refuse what is not theirs.

import { setTimeout as wait } from 'node:timers/promises'
import { createRedisAccount, openTestCluster, startTestProxy, verifies } from '@gatehouse/testing'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AlreadyConsumedError, StoreUnavailableError } from '../../errors.ts'
import { createSealing } from '../sealing.ts'
import { describeStore } from '../suites/store-suite.ts'
import { createRedisHarness, untilAnswers } from './harness/harness.ts'
import { openRedisStore } from './store.ts'

const sealing = createSealing({ secret: 'a secret of the Redis Cluster tests alone' })
let redis: Awaited<ReturnType<typeof openTestCluster>>

beforeAll(async () => {
  redis = await openTestCluster('auth')
}, 60_000)
afterAll(() => redis?.[Symbol.asyncDispose]())

describeStore(
  'Redis Cluster',
  createRedisHarness(() => redis),
)

const openStore = ({ connection, prefix } = { connection: redis.connection, prefix: redis.newPrefix() }) =>
  openRedisStore({ connection, prefix, sealing })

const ids = Array.from({ length: 60 }, (_, index) => `${index}`)

describe('Redis Cluster nodes', () => {
  test('records are on all of them, and one address is enough to find them', async () => {
    const prefix = redis.newPrefix()
    const [first] = redis.connection.nodes
    const connection = { ...redis.connection, nodes: first ? [first] : [] }
    await using store = await untilAnswers(openStore({ connection, prefix }))
    for (const id of ids) await store.records.put('Session', id, { id }, 60_000)
    const holders = await redis.onEachKey(prefix, async (node) => node)
    expect(new Set(holders).size).toBe(redis.nodes.length)
    const found = await Promise.all(ids.map((id) => store.records.find('Session', id)))
    expect(found.map((record) => record?.payload.id)).toEqual(ids)
  })

  test('connections that all break cost no read, and come back', async () => {
    await using store = await untilAnswers(openStore())
    for (const id of ids) await store.records.put('Session', id, { id }, 60_000)
    for (let round = 0; round < 3; round += 1) {
      const reads = Promise.all(ids.map((id) => store.records.find('Session', id)))
      await Promise.all(redis.nodes.map((node) => node.call('CLIENT', 'KILL', 'TYPE', 'normal')))
      expect((await reads).map((record) => record?.payload.id)).toEqual(ids)
      await untilAnswers(store)
    }
  })

  verifies('T11', 'a consume whose answer was lost is not sent again, and nobody else succeeds', async () => {
    await using ways = await startProxies()
    const { connection, newPrefix } = redis
    const prefix = newPrefix()
    await using store = await untilAnswers(openStore({ connection, prefix }))
    await store.records.put('AuthorizationCode', 'a', {}, 60_000)
    const requests = () => Buffer.concat(ways.proxies.flatMap((proxy) => proxy.requests)).toString('latin1')
    const before = requests().length
    for (const proxy of ways.proxies) proxy.loseAnswers()
    await expect(store.records.consume('AuthorizationCode', 'a')).rejects.toThrow(StoreUnavailableError)
    for (const proxy of ways.proxies) proxy.keepAnswers()
    await untilAnswers(store)
    expect(requests().slice(before).split(`${prefix}AuthorizationCode:`)).toHaveLength(2)
    // the one connection that this needs may still be on its way back
    const consume = () =>
      store.records.consume('AuthorizationCode', 'a').then(
        () => 'again',
        (error: unknown) => error,
      )
    let answer = await consume()
    for (let tries = 0; tries < 50 && answer instanceof StoreUnavailableError; tries += 1) {
      await wait(20)
      answer = await consume()
    }
    expect(answer).toBeInstanceOf(AlreadyConsumedError)
  })

  test('a slot that moves to another node takes its records with it', async () => {
    await using store = await untilAnswers(openStore())
    for (const id of ids) await store.records.put('AuthorizationCode', id, { id }, 60_000)
    await moveEverything(0, 1)
    const results = await Promise.allSettled(ids.map((id) => store.records.consume('AuthorizationCode', id)))
    expect(results.map(({ status }) => status)).toEqual(ids.map(() => 'fulfilled'))
    for (const id of ids)
      await expect(store.records.consume('AuthorizationCode', id)).rejects.toThrow(AlreadyConsumedError)
  }, 60_000)

  test('while one node hangs all that is asked of it fails in less than a second, and it recovers by itself', async () => {
    await using store = await untilAnswers(openStore())
    for (const id of ids) await store.records.put('Session', id, { id }, 60_000)
    const [, , third] = redis.cluster.nodes
    await third?.signal('SIGSTOP')
    try {
      for (let round = 0; round < 2; round += 1) {
        const started = performance.now()
        const results = await Promise.allSettled(ids.map((id) => store.records.find('Session', id)))
        expect(performance.now() - started).toBeLessThan(1_500)
        const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
        expect(failed.length).toBeGreaterThan(0)
        expect(failed.length).toBeLessThan(ids.length)
        for (const reason of failed) expect(reason).toBeInstanceOf(StoreUnavailableError)
      }
    } finally {
      await third?.signal('SIGCONT')
      await redis.cluster.untilWhole()
    }
    const readAll = async () => (await Promise.all(ids.map((id) => store.records.find('Session', id)))).length
    await expect.poll(() => readAll().catch(() => 0), { timeout: 10_000 }).toBe(ids.length)
  }, 30_000)

  test('an account that may use the keys of this service alone is enough', async () => {
    // As docs/storage-schema.md and docs/operations.md say it.
    const commands = `hello auth ping quit info time eval evalsha get set del exists incr decr
      pttl pexpire persist hget hset hmget zadd zrange zrem zremrangebyscore scan
      cluster|slots cluster|info asking readonly readwrite client|setname`
    await using account = await createRedisAccount(redis.nodes, '~auth:*', commands)
    const { username, password } = account
    const connection = { ...redis.connection, username, password }
    await using store = await untilAnswers(openStore({ connection, prefix: redis.newPrefix() }))
    for (const id of ids) {
      await store.records.put('AuthorizationCode', id, { id }, 60_000, { grantId: 'g' })
      await store.records.consume('AuthorizationCode', id)
    }
    await store.records.put('Grant', 'g', { accountId: 'dev:ada' }, 60_000, { accountId: 'dev:ada' })
    expect(await store.records.grantsOf('dev:ada')).toHaveLength(1)
    await store.records.list('Grant', { size: 10 })
    await store.records.revokeByGrant('g')
    expect(await account.refusals()).toEqual([])
  })
})

/** From now on the nodes are known by the addresses of proxies. */
async function startProxies() {
  const proxies = await Promise.all(
    redis.cluster.nodes.map(({ host, port }) => startTestProxy(`redis://${host}:${port}`)),
  )
  const announce = async (ports: readonly number[]) => {
    for (const [index, node] of redis.nodes.entries())
      await node.config('SET', 'cluster-announce-port', `${ports[index]}`)
    // each tells the others
    for (const node of redis.nodes)
      await expect.poll(() => portsAt(node), { timeout: 10_000 }).toEqual([...ports].sort())
  }
  await announce(proxies.map(({ url }) => Number(new URL(url).port)))
  return {
    proxies,
    [Symbol.asyncDispose]: async () => {
      await announce(redis.cluster.nodes.map(({ port }) => port))
      await Promise.all(proxies.map((proxy) => proxy.stop()))
    },
  }
}

async function portsAt(node: Redis): Promise<number[]> {
  const ranges = (await node.cluster('SLOTS')) as unknown as [number, number, [string, number]][]
  return [...new Set(ranges.map(([, , [, port]]) => port))].sort()
}

/** Every slot of one node becomes another one's, with what is in it. */
async function moveEverything(from: number, to: number): Promise<void> {
  const [source, destination] = [redis.nodes[from] as Redis, redis.nodes[to] as Redis]
  const [sourceId, destinationId] = [await source.cluster('MYID'), await destination.cluster('MYID')]
  const ranges = (await source.cluster('SLOTS')) as unknown as [number, number, [string, number, string]][]
  const keys = new Map<number, string[]>()
  for (const key of await source.keys('*')) {
    const slot = Number(await source.cluster('KEYSLOT', key))
    keys.set(slot, [...(keys.get(slot) ?? []), key])
  }
  const { host, port } = destination.options
  for (const [first, last, [, , id]] of ranges.filter(([, , [, , id]]) => id === sourceId)) {
    for (let slot = first; slot <= last; slot += 1) {
      const moved = keys.get(slot)
      if (!moved) continue
      await destination.cluster('SETSLOT', slot, 'IMPORTING', id)
      await source.cluster('SETSLOT', slot, 'MIGRATING', destinationId)
      await source.call('MIGRATE', `${host}`, `${port}`, '', 0, 5_000, 'KEYS', ...moved)
      await destination.cluster('SETSLOT', slot, 'NODE', destinationId)
      await source.cluster('SETSLOT', slot, 'NODE', destinationId)
    }
  }
}
