import { createRedisAccount, openTestRedis, type RedisScene, startTestProxy, verifies } from '@gatehouse/testing'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AlreadyConsumedError, StoreUnavailableError } from '../../errors.ts'
import type { Store } from '../contract.ts'
import type { Tampering } from '../envelope.ts'
import { createSealing } from '../sealing.ts'
import { untilAnswers } from './harness/harness.ts'
import { openRedisStore, type RedisStoreOptions } from './store.ts'

let redis: RedisScene<string>
let admin: Redis

beforeAll(async () => {
  redis = await openTestRedis('auth')
  admin = redis.nodes[0]
})
afterAll(() => redis?.[Symbol.asyncDispose]())

describe('Redis connection', () => {
  test('a store can be opened before Redis is there, and works when it is', async () => {
    await using proxy = await startTestProxy(redis.connection)
    await proxy.stop()
    await using store = openStore({ connection: proxy.url })
    await expectUnavailable(store, 250)
    await proxy.restart()
    await untilAnswers(store)
    await store.records.put('Session', 'a', {}, 60_000)
  })

  test('while Redis hangs everything fails in less than a second, and it recovers by itself', async () => {
    await using proxy = await startTestProxy(redis.connection)
    await using store = await untilAnswers(openStore({ connection: proxy.url }))
    proxy.freeze()
    await expectUnavailable(store, 900)
    // By now the connection was given up, and nothing waits for the next one.
    await expectUnavailable(store, 450)
    await expectUnavailable(store, 250)
    proxy.thaw()
    await untilAnswers(store)
  })

  test('a broken connection costs no read, and comes back', async () => {
    await using proxy = await startTestProxy(redis.connection)
    await using store = await untilAnswers(openStore({ connection: proxy.url }))
    await store.records.put('Session', 'a', { n: 1 }, 60_000)
    for (let round = 0; round < 3; round += 1) {
      const reads = Promise.all(Array.from({ length: 20 }, () => store.records.find('Session', 'a')))
      setImmediate(() => setImmediate(() => proxy.cut()))
      expect(await reads).toEqual(Array.from({ length: 20 }, () => ({ payload: { n: 1 } })))
      await untilAnswers(store)
    }
  })

  verifies('T11', 'a consume whose answer was lost is not sent again, and nobody else succeeds', async () => {
    await using proxy = await startTestProxy(redis.connection)
    const prefix = redis.newPrefix()
    await using store = await untilAnswers(openStore({ connection: proxy.url, prefix }))
    await using other = await untilAnswers(openStore({ prefix }))
    await store.records.put('AuthorizationCode', 'a', {}, 60_000)
    const before = proxy.requests.length
    proxy.loseAnswers()
    await expect(store.records.consume('AuthorizationCode', 'a')).rejects.toThrow(StoreUnavailableError)
    proxy.keepAnswers()
    await untilAnswers(store)
    const key = `${prefix}AuthorizationCode:`
    expect(Buffer.concat(proxy.requests.slice(before)).toString('latin1').split(key)).toHaveLength(2)
    expect((await other.records.find('AuthorizationCode', 'a'))?.consumedAt).toEqual(expect.any(Number))
    await expect(other.records.consume('AuthorizationCode', 'a')).rejects.toThrow(AlreadyConsumedError)
  })

  test('a Redis that forgot the scripts is told them again', async () => {
    await using store = await untilAnswers(openStore())
    await store.records.put('Session', 'a', { n: 1 }, 60_000)
    await admin.script('FLUSH')
    await store.records.put('Session', 'a', { n: 2 }, 60_000)
    expect(await store.records.find('Session', 'a')).toEqual({ payload: { n: 2 } })
  })

  verifies(
    'N6',
    'an account that may use the keys of this service alone is enough, and it reaches no others',
    async () => {
      // As docs/storage-schema.md says it.
      const commands = `hello auth ping quit info time eval evalsha get set del exists incr decr
      pttl pexpire persist hget hset hmget zadd zrange zrem zremrangebyscore scan publish subscribe unsubscribe`
      await using account = await createRedisAccount(redis.nodes, '~auth:* &auth:*', commands)
      const connection = account.at(redis.connection)
      await using store = await untilAnswers(openStore({ connection }))
      await exerciseEverything(store)
      await using elsewhere = openStore({ connection, prefix: 'mcp:' })
      const refusal = (call: () => Promise<unknown>) => call().catch(({ cause }: Error) => String(cause))
      await expect.poll(() => refusal(elsewhere.ping)).toContain('NOPERM')
      expect(await refusal(() => elsewhere.records.find('Session', 'a'))).toContain('NOPERM')
      expect(await refusal(() => elsewhere.records.put('Session', 'a', {}, 60_000))).toContain('NOPERM')
    },
  )

  test('an account that may not listen costs no decision, and what waits looks each second', async () => {
    await using account = await createRedisAccount(redis.nodes, '~auth:*', '@all')
    const connection = account.at(redis.connection)
    const refusals: string[] = []
    const onRefusal = ({ message }: Error) => refusals.push(message)
    await using store = await untilAnswers(openStore({ connection, onRefusal }))
    await exerciseEverything(store)
    const unwatch = store.deviceCodes.watch('nothing of it is said', () => news.push(performance.now()))
    const news: number[] = []
    await expect.poll(() => news.length, { timeout: 10_000 }).toBeGreaterThan(2)
    unwatch()
    expect(refusals).toContainEqual(expect.stringMatching(/^NOPERM .*channel/))
  })

  test('who waits hears of a decision again after the connection broke, and meanwhile looks each second', async () => {
    await using proxy = await startTestProxy(redis.connection)
    const prefix = redis.newPrefix()
    await using store = await untilAnswers(openStore({ connection: proxy.url, prefix }))
    await using other = await untilAnswers(openStore({ prefix }))
    const write = { userCode: 'BBBBBBBB', phase: 'pending' } as const
    await store.deviceCodes.create('d', {}, 60_000, write)
    let news = 0
    const unwatch = store.deviceCodes.watch('d', () => {
      news += 1
    })
    const more = async () => {
      const before = news
      await expect.poll(() => news, { timeout: 5_000 }).toBeGreaterThan(before)
    }
    await expect.poll(() => news, { timeout: 5_000 }).toBe(1)
    await proxy.stop()
    await more()
    await more()
    await proxy.restart()
    await untilAnswers(store)
    const channel = `${prefix}decided`
    await expect.poll(() => admin.pubsub('NUMSUB', channel), { timeout: 5_000 }).toEqual([channel, 1])
    const before = news
    await other.deviceCodes.update('d', {}, { ...write, phase: 'decided', owner: 'o' })
    await expect.poll(() => news).toBeGreaterThan(before)
    unwatch()
  })
})

describe('Redis data', () => {
  test('every key ends with what it is for', async () => {
    const prefix = redis.newPrefix()
    await using store = await untilAnswers(openStore({ prefix }))
    await exerciseEverything(store)
    const lives = await Promise.all((await keysOf(prefix)).map(async (key) => [key, await admin.pttl(key)] as const))
    expect(lives.length).toBeGreaterThan(5)
    for (const [key, life] of lives) {
      if (/:document:|:schema$/.test(key)) expect([key, life]).toEqual([key, -1])
      else expect(life).toBeGreaterThan(50_000)
    }
    const sessions = lives.filter(([key]) => key.includes(':Session:') || key.includes(':uid:'))
    expect(sessions).toHaveLength(2)
    for (const [, life] of sessions) expect(Math.abs(life - 180_000)).toBeLessThan(2_000)
    const expectLife = (kind: string, expected: number) => {
      const [, life = 0] = lives.find(([key]) => key.includes(kind)) ?? []
      expect([kind, life <= expected && life > expected - 10_000]).toEqual([kind, true])
    }
    expectLife(':attempts:', 60_000)
    expectLife(':Answer:', 180_000)
    expectLife(':DeviceCode:', 360_000)
  })

  test('what expired leaves the index of its grant', async () => {
    const prefix = redis.newPrefix()
    let offset = 0
    await using store = await untilAnswers(openStore({ prefix, clockOffset: () => offset }))
    for (let n = 0; n < 10; n += 1) await store.records.put('RefreshToken', `${n}`, {}, 60_000, { grantId: 'g' })
    offset = 1_000_000
    await store.records.put('RefreshToken', 'last', {}, 60_000, { grantId: 'g' })
    const [index = ''] = (await keysOf(prefix)).filter((key) => key.includes(':grant:'))
    expect(await admin.zcard(index)).toBe(1)
  })

  test('a grant that is gone leaves the list of its account with the next look, once a write cannot be under way', async () => {
    const prefix = redis.newPrefix()
    let offset = 0
    await using store = await untilAnswers(openStore({ prefix, clockOffset: () => offset }))
    for (const id of ['a', 'b']) await store.records.put('Grant', id, { accountId: 'x' }, 600_000, { accountId: 'x' })
    await store.records.destroy('Grant', 'a')
    const [list = ''] = (await keysOf(prefix)).filter((key) => key.includes(':account:'))
    expect(await store.records.grantsOf('x')).toHaveLength(1)
    expect(await admin.zcard(list)).toBe(2)
    offset = 61_000
    expect(await store.records.grantsOf('x')).toHaveLength(1)
    expect(await admin.zcard(list)).toBe(1)
  })

  test('when a record was consumed is told in the clock of the caller', async () => {
    const clock = () => Date.now() + 600_000
    await using store = await untilAnswers(openStore({ clock }))
    await store.records.put('AuthorizationCode', 'a', {}, 60_000)
    await store.records.consume('AuthorizationCode', 'a')
    const consumedAt = (await store.records.find('AuthorizationCode', 'a'))?.consumedAt ?? 0
    expect(Math.abs(clock() - consumedAt)).toBeLessThan(2_000)
  })

  verifies('N5', 'a value that somebody copied to another record within Redis is refused and reported', async () => {
    const prefix = redis.newPrefix()
    const tampered: Tampering[] = []
    await using store = await untilAnswers(openStore({ prefix, onTampered: (tampering) => tampered.push(tampering) }))
    await store.records.put('Client', 'rich', { scope: 'everything' }, 60_000)
    await store.records.put('Client', 'poor', { scope: 'nothing' }, 60_000)
    const keyOf = (id: string) => `${prefix}Client:${sealing.hashKey('Client', id)}`
    await admin.hset(keyOf('poor'), 'v', (await admin.hgetBuffer(keyOf('rich'), 'v')) ?? '')
    expect(await store.records.find('Client', 'poor')).toBeUndefined()
    expect(tampered).toEqual([{ kind: 'Client', key: sealing.hashKey('Client', 'poor'), fault: 'not_authentic' }])
  })
})

const sealing = createSealing({ secret: 'a secret of the Redis tests alone' })

function openStore(options: Partial<RedisStoreOptions> = {}) {
  return openRedisStore({ connection: redis.connection, prefix: redis.newPrefix(), sealing, ...options })
}

/** Every script and command that the store has. */
async function exerciseEverything(store: Store): Promise<void> {
  await store.records.put('Session', 'a', {}, 60_000, { uid: 'u', grantId: 'g' })
  await store.records.findByUid('Session', 'u')
  await store.records.put('AuthorizationCode', 'a', {}, 60_000, { grantId: 'h' })
  await store.records.consume('AuthorizationCode', 'a')
  await store.records.revokeByGrant('h')
  await store.records.destroy('AuthorizationCode', 'a')
  await store.records.create('Answer', 'a', {}, 60_000)
  await store.records.put('Grant', 'i', { accountId: 'x' }, 60_000, { accountId: 'x' })
  await store.records.put('RefreshToken', 'b', {}, 60_000, { grantId: 'i', accountId: 'x' })
  await store.records.grantsOf('x')
  await store.records.replace('Grant', 'i', { accountId: 'x' })
  await store.records.keep('Grant', 'i', 90_000, 100_000)
  await store.records.list('Grant', { size: 100 })
  const write = { userCode: 'BBBBBBBB', phase: 'pending' } as const
  await store.deviceCodes.create('d', {}, 60_000, write)
  await store.deviceCodes.poll('d', 5_000, 4_500)
  await store.deviceCodes.endPoll('d')
  const heard = Promise.withResolvers<void>()
  const unwatch = store.deviceCodes.watch('d', heard.resolve)
  await store.deviceCodes.update('d', {}, { ...write, phase: 'decided', owner: 'o', grantId: 'g' })
  await heard.promise
  unwatch()
  await store.deviceCodes.findByUserCode('BBBBBBBB')
  await store.attempts.take('a', 2, 60_000)
  await store.attempts.giveBack('a')
  await store.documents.putIfAbsent('keys', {})
  await store.documents.put('keys', {})
  await store.documents.get('keys')
  await store.documents.put('ends', {})
  await store.documents.endWithin('ends', 0)
  await store.documents.list({ size: 100 })
}

async function expectUnavailable(store: Store, withinMilliseconds: number): Promise<void> {
  const calls = [
    () => store.ping(),
    () => store.records.find('Session', 'a'),
    () => store.records.put('Session', 'a', {}, 60_000, { uid: 'u', grantId: 'g' }),
    () => store.records.consume('Session', 'a'),
    () => store.records.grantsOf('a'),
    () => store.deviceCodes.poll('a', 5_000, 0),
    () => store.attempts.take('a', 1, 60_000),
    () => store.documents.get('a'),
  ]
  const started = performance.now()
  const each = calls.map(async (call) => {
    await expect(call()).rejects.toThrow(StoreUnavailableError)
    return performance.now() - started
  })
  expect(Math.max(...(await Promise.all(each)))).toBeLessThan(withinMilliseconds)
}

const keysOf = (prefix: string) => admin.keys(`${prefix}*`)
