// The same suite on a Redis Cluster of three masters, and what is different there: a connection to each node, and nodes
// that refuse what is not theirs.

import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type RedisTarget, readRedisTarget } from '@gatehouse/service'
import { type RedisCluster, startRedisCluster, startTestProxy, verifies } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AlreadyConsumedError, StoreUnavailableError } from '../../errors.ts'
import { createSealing } from '../sealing.ts'
import { describeStore } from '../suites/store-suite.ts'
import { createRedisHarness, onEachKey, untilAnswers } from './harness/harness.ts'
import { openRedisStore } from './store.ts'

const namespace = `auth:test-${randomUUID()}`
const sealing = createSealing({ secret: 'a secret of the Redis Cluster tests alone' })
let cluster: RedisCluster
let nodes: readonly Redis[]

beforeAll(async () => {
  cluster = await startRedisCluster()
  nodes = cluster.nodes.map(({ host, port }) => new Redis({ host, port }))
}, 60_000)
afterAll(async () => {
  for (const node of nodes ?? []) node.disconnect()
  await cluster?.[Symbol.asyncDispose]()
})

describeStore(
  'Redis Cluster',
  createRedisHarness(() => ({ connection: target(), nodes, namespace })),
)

function target(url?: string, addresses = cluster.addresses): RedisTarget {
  const none = { sentinels: '', sentinelMaster: '', sentinelUsername: '', sentinelPassword: '' }
  const found = readRedisTarget({ url, cluster: addresses, ...none }, [])
  if (!found) throw new Error('no target')
  return found
}

const openStore = (connection = target()) =>
  openRedisStore({ connection, prefix: `${namespace}:${randomUUID()}:`, sealing })

const ids = Array.from({ length: 60 }, (_, index) => `${index}`)

describe('Redis Cluster nodes', () => {
  test('records are on all of them, and one address is enough to find them', async () => {
    const prefix = `${namespace}:${randomUUID()}:`
    const connection = target(undefined, cluster.addresses.split(',')[0])
    await using store = await untilAnswers(openRedisStore({ connection, prefix, sealing }))
    for (const id of ids) await store.records.put('Session', id, { id }, 60_000)
    for (const node of nodes) expect(await onEachKey([node], prefix, async (_, key) => key)).not.toHaveLength(0)
    const found = await Promise.all(ids.map((id) => store.records.find('Session', id)))
    expect(found.map((record) => record?.payload.id)).toEqual(ids)
  })

  test('connections that all break cost no read, and come back', async () => {
    await using store = await untilAnswers(openStore())
    for (const id of ids) await store.records.put('Session', id, { id }, 60_000)
    for (let round = 0; round < 3; round += 1) {
      const reads = Promise.all(ids.map((id) => store.records.find('Session', id)))
      await Promise.all(nodes.map((node) => node.call('CLIENT', 'KILL', 'TYPE', 'normal')))
      expect((await reads).map((record) => record?.payload.id)).toEqual(ids)
      await untilAnswers(store)
    }
  })

  verifies('T11', 'a consume whose answer was lost is not sent again, and nobody else succeeds', async () => {
    await using ways = await startProxies()
    const prefix = `${namespace}:${randomUUID()}:`
    await using store = await untilAnswers(openRedisStore({ connection: target(), prefix, sealing }))
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
    const [, , third] = cluster.nodes
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
      await cluster.untilWhole()
    }
    const readAll = async () => (await Promise.all(ids.map((id) => store.records.find('Session', id)))).length
    await expect.poll(() => readAll().catch(() => 0), { timeout: 10_000 }).toBe(ids.length)
  }, 30_000)

  test('an account that may use the keys of this service alone is enough', async () => {
    const [user, password] = [`test-${randomUUID()}`, randomUUID()]
    // As docs/storage-schema.md and docs/operations.md say it.
    const commands = `hello auth ping quit info time eval evalsha get set del exists incr decr
      pttl pexpire persist hget hset hmget zadd zrange zrem zremrangebyscore scan
      cluster|slots cluster|info asking readonly readwrite client|setname`
    const allowed = commands.split(/\s+/).map((command) => `+${command}`)
    const rules = ['on', `>${password}`, 'resetchannels', '~auth:*', '-@all', ...allowed]
    for (const node of nodes) await node.acl('SETUSER', user, ...rules)
    await using store = await untilAnswers(openStore(target(`redis://${user}:${password}@any`)))
    for (const id of ids) {
      await store.records.put('AuthorizationCode', id, { id }, 60_000, { grantId: 'g' })
      await store.records.consume('AuthorizationCode', id)
    }
    await store.records.put('Grant', 'g', { accountId: 'dev:ada' }, 60_000, { accountId: 'dev:ada' })
    expect(await store.records.grantsOf('dev:ada')).toHaveLength(1)
    await store.records.list('Grant', { size: 10 })
    await store.records.revokeByGrant('g')
    for (const node of nodes) {
      const log = (await node.call('ACL', 'LOG')) as string[][]
      expect(log.filter((entry) => entry.includes(user))).toEqual([])
      await node.acl('DELUSER', user)
    }
  })
})

/** From now on the nodes are known by the addresses of proxies. */
async function startProxies() {
  const proxies = await Promise.all(cluster.nodes.map(({ host, port }) => startTestProxy(`redis://${host}:${port}`)))
  const announce = async (ports: readonly number[]) => {
    for (const [index, node] of nodes.entries()) await node.config('SET', 'cluster-announce-port', `${ports[index]}`)
    // each tells the others
    for (const node of nodes) await expect.poll(() => portsAt(node), { timeout: 10_000 }).toEqual([...ports].sort())
  }
  await announce(proxies.map(({ url }) => Number(new URL(url).port)))
  return {
    proxies,
    [Symbol.asyncDispose]: async () => {
      await announce(cluster.nodes.map(({ port }) => port))
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
  const [source, destination] = [nodes[from] as Redis, nodes[to] as Redis]
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
