import { StoreUnavailableError } from '@gatehouse/service'
import { createRedisAccount, openTestRedis, type RedisScene, startTestProxy, verifies } from '@gatehouse/testing'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ownStream, type SessionStore } from './contract.ts'
import { openRedisStore, type RedisStoreOptions } from './redis.ts'
import { createRedisHarness, untilAnswers } from './suites/redis-harness.ts'
import { describeStore } from './suites/store-suite.ts'

let redis: RedisScene<string>
let admin: Redis

beforeAll(async () => {
  redis = await openTestRedis('mcp')
  admin = redis.nodes[0]
})
afterAll(() => redis?.[Symbol.asyncDispose]())

describeStore(
  'Redis',
  createRedisHarness(() => redis),
)

describe('Redis', () => {
  const bytes = Buffer.from('v')

  test('a store can be opened before Redis is there; until then everything fails at once', async () => {
    await using store = openStore({ connection: 'redis://127.0.0.1:1' })
    const started = performance.now()
    await expect(store.use('a')).rejects.toThrow(StoreUnavailableError)
    await expect(store.open('a', 'ada', bytes)).rejects.toThrow(StoreUnavailableError)
    expect(performance.now() - started).toBeLessThan(750)
  })

  test('while Redis hangs everything fails in less than a second, and it recovers by itself, listeners too', async () => {
    await using proxy = await startTestProxy(redis.connection)
    await using store = await untilAnswers(openStore({ connection: proxy.url }))
    await store.open('a', 'ada', bytes)
    const heard: string[] = []
    await store.watch('a', ({ kind }) => heard.push(kind))
    proxy.freeze()
    for (const limit of [900, 450]) {
      const began = performance.now()
      const calls = [store.use('a'), store.append('a', ownStream, bytes), store.read('a', ownStream, '0-0')]
      await Promise.all(calls.map((call) => expect(call).rejects.toThrow(StoreUnavailableError)))
      expect(performance.now() - began).toBeLessThan(limit)
    }
    proxy.thaw()
    proxy.cut()
    await untilAnswers(store)
    expect(await store.use('a')).toBeDefined()
    await vi.waitFor(async () => {
      await store.mail('a', bytes)
      expect(heard).toContain('mail')
    })
  })

  test('what a process was writing is abandoned when that process ends, and not before', async () => {
    const prefix = redis.newPrefix()
    await using other = await untilAnswers(openStore({ prefix }))
    const writer = await untilAnswers(openStore({ prefix }))
    await writer.open('a', 'ada', bytes)
    await writer.start('a', 's', bytes)
    expect(await other.read('a', 's', '0-0')).toMatchObject({ state: 'open' })
    await writer.close()
    expect(await other.read('a', 's', '0-0')).toMatchObject({ state: 'abandoned' })
    await other.append('a', 's', bytes, { last: true })
    expect(await other.read('a', 's', '0-0')).toMatchObject({ state: 'ended' })
  })

  test('every key has an end, and ends with its session', async () => {
    const prefix = redis.newPrefix()
    await using store = await untilAnswers(openStore({ prefix }))
    await exerciseEverything(store)
    const keys = await keysOf(prefix)
    expect(keys.length).toBeGreaterThan(4)
    for (const key of keys) expect(await admin.pttl(key), key).toBeGreaterThan(0)
    await store.end('a')
    const left = (await keysOf(prefix)).filter((key) => !key.includes(':producer:'))
    expect(left).toEqual([])
  })

  test('a Redis that forgot the scripts is told them again', async () => {
    await using store = await untilAnswers(openStore())
    await exerciseEverything(store)
    await admin.script('FLUSH')
    await exerciseEverything(store)
  })

  test('a listener hears again after the connection broke', async () => {
    await using store = await untilAnswers(openStore())
    await store.open('a', 'ada', bytes)
    const heard: string[] = []
    const stop = await store.watch('a', ({ kind }) => heard.push(kind))
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await expect.poll(() => heard).toContain('changed') // it is back, and says that something may have been missed
    await store.mail('a', bytes)
    await expect.poll(() => heard).toContain('mail')
    stop()
  })

  verifies('N6', 'an account for the keys of this service alone is enough, and it reaches no others', async () => {
    // As docs/adr/0006 says it.
    const commands = `hello auth ping quit info time eval evalsha set del exists pexpire pttl hget hset hmget hdel
      hincrby xadd xlen xdel xrange xrevrange zadd zcard zrange zrem zremrangebyscore publish subscribe unsubscribe`
    await using account = await createRedisAccount(redis.nodes, '~mcp:* &mcp:*', commands)
    const connection = account.at(redis.connection)
    await using store = await untilAnswers(openStore({ connection }))
    await exerciseEverything(store)
    await using elsewhere = await untilAnswers(openStore({ connection, prefix: 'auth:' }))
    await expect(elsewhere.use('a')).rejects.toThrow(StoreUnavailableError)
    await expect(elsewhere.open('a', 'ada', bytes)).rejects.toThrow(StoreUnavailableError)
  })
})

function openStore(options: Partial<RedisStoreOptions> = {}) {
  return openRedisStore({ connection: redis.connection, prefix: redis.newPrefix(), ...options })
}

/** Every script and command that the store has. */
async function exerciseEverything(store: SessionStore): Promise<void> {
  const bytes = Buffer.from('v')
  for (const session of ['a', 'b']) {
    await store.open(session, 'ada', bytes)
    await store.use(session)
    await store.replace(session, bytes)
    await store.start(session, 's', bytes)
    for (let i = 0; i < 5; i += 1) await store.append(session, 's', bytes)
    await store.append(session, 's', bytes, { last: true })
    await store.claim(session, ownStream, 'r', { mark: true })
    await store.read(session, 's', '0-0')
  }
  const heard = new Promise((resolve) => void store.watch('a', resolve).then(() => store.mail('a', bytes)))
  await heard
  await store.end('b')
}

const keysOf = (prefix: string) => admin.keys(`${prefix}*`)
