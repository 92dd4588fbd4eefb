// The same suite on a Redis Cluster of three masters, and what is different there: what is published at one node is
// heard at another.
import { StoreUnavailableError } from '@gatehouse/service'
import { createRedisAccount, openTestCluster } from '@gatehouse/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ownStream } from './contract.ts'
import { openRedisStore } from './redis.ts'
import { createRedisHarness, untilAnswers } from './suites/redis-harness.ts'
import { describeStore } from './suites/store-suite.ts'

const bytes = Buffer.from('v')
const sessions = Array.from({ length: 30 }, (_, index) => `session-${index}`)
let redis: Awaited<ReturnType<typeof openTestCluster>>

beforeAll(async () => {
  redis = await openTestCluster('mcp')
}, 60_000)
afterAll(() => redis?.[Symbol.asyncDispose]())

describeStore(
  'Redis Cluster',
  createRedisHarness(() => redis),
)

const openStore = ({ connection, prefix } = { connection: redis.connection, prefix: redis.newPrefix() }) =>
  openRedisStore({ connection, prefix })

describe('Redis Cluster nodes', () => {
  test('sessions are on all of them, and each is told what happens to it', async () => {
    await using store = await untilAnswers(openStore())
    const heard = new Map<string, string[]>()
    for (const session of sessions) {
      await store.open(session, session, bytes)
      await store.watch(session, ({ kind }) => heard.set(session, [...(heard.get(session) ?? []), kind]))
      await store.append(session, ownStream, bytes)
      await store.mail(session, bytes)
      await store.end(session)
    }
    await expect
      .poll(() => sessions.map((session) => heard.get(session)))
      .toEqual(sessions.map(() => ['changed', 'mail', 'ended']))
  })

  test('who listened at a node that is gone hears again at the next one', async () => {
    await using store = await untilAnswers(openStore())
    await store.open('a', 'ada', bytes)
    const heard: string[] = []
    await store.watch('a', ({ kind }) => heard.push(kind))
    for (const node of redis.nodes) {
      heard.length = 0
      await node.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      if (node === redis.nodes[0]) await expect.poll(() => heard).toContain('changed')
      await expect
        .poll(async () => {
          await store.mail('a', bytes)
          return heard
        })
        .toContain('mail')
    }
  })

  test('a node that hangs is left for another one to listen at', async () => {
    const { connection, newPrefix } = redis
    const prefix = newPrefix()
    await using store = await untilAnswers(openStore({ connection, prefix }))
    const heard: string[] = []
    await store.watch('a', ({ kind }) => heard.push(kind))
    const [first] = redis.cluster.nodes
    await first?.signal('SIGSTOP')
    try {
      await expect
        .poll(
          async () => {
            // there is a node that does not answer, and those that do
            await redis.nodes[1]?.publish(`${prefix}session:a`, 'm')
            return heard
          },
          { timeout: 15_000, interval: 100 },
        )
        .toContain('mail')
    } finally {
      await first?.signal('SIGCONT')
      await redis.cluster.untilWhole()
    }
  }, 30_000)

  test('while one node hangs nobody waits long for it', async () => {
    await using store = await untilAnswers(openStore())
    const [, , third] = redis.cluster.nodes
    await third?.signal('SIGSTOP')
    try {
      const started = performance.now()
      const results = await Promise.allSettled(sessions.map((session) => store.use(session)))
      expect(performance.now() - started).toBeLessThan(1_500)
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(StoreUnavailableError)
      }
    } finally {
      await third?.signal('SIGCONT')
      await redis.cluster.untilWhole()
    }
  }, 30_000)

  test('an account that may use the keys of this service alone is enough', async () => {
    // As docs/adr/0006 and docs/operations.md say it.
    const commands = `hello auth ping quit info time eval evalsha set del exists pexpire pttl hget hset hmget hdel
      hincrby xadd xlen xdel xrange xrevrange zadd zcard zrange zrem zremrangebyscore publish subscribe unsubscribe
      cluster|slots cluster|info asking readonly readwrite client|setname`
    await using account = await createRedisAccount(redis.nodes, '~mcp:* &mcp:*', commands)
    const { username, password } = account
    const connection = { ...redis.connection, username, password }
    await using store = await untilAnswers(openStore({ connection, prefix: redis.newPrefix() }))
    const heard = new Set<string>()
    for (const session of sessions) {
      await store.watch(session, () => heard.add(session))
      await store.open(session, 'ada', bytes)
      await store.append(session, ownStream, bytes)
    }
    await expect.poll(() => heard.size).toBe(sessions.length)
    expect(await account.refusals()).toEqual([])
  })
})
