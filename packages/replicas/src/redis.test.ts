import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { StoreUnavailableError } from '@gatehouse/service'
import { createRedisAccount, openTestRedis, type RedisScene, startTestProxy } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Replicas } from './contract.ts'
import { openRedisReplicas, type RedisReplicasOptions } from './redis.ts'
import { exerciseEverything, replicasCommands } from './suites/account.ts'
import { untilKnown } from './suites/known.ts'
import { describeReplicas } from './suites/replicas-suite.ts'

let redis: RedisScene<string>
beforeAll(async () => {
  redis = await openTestRedis('mcp')
})
afterAll(() => redis?.[Symbol.asyncDispose]())

async function open(options: Partial<RedisReplicasOptions> = {}): Promise<Replicas & AsyncDisposable> {
  const replicas = openRedisReplicas({ connection: redis.connection, prefix: redis.newPrefix(), ...options })
  return untilKnown(replicas)
}

describeReplicas('replicas on Redis', {
  async open(count) {
    const prefix = redis.newPrefix()
    return Promise.all(Array.from({ length: count }, () => open({ prefix })))
  },
})

test('a replica that could not say that it lives holds nothing, and learns of it before it is used', async () => {
  const prefix = redis.newPrefix()
  await using proxy = await startTestProxy(redis.connection)
  await using cut = await open({ connection: proxy.url, prefix, life: 1_500 })
  await using other = await open({ prefix, life: 1_500 })
  const { self } = cut
  let lost = 0
  cut.onLost(() => {
    lost += 1
  })
  expect((await cut.claim('a')).holder).toBe(self)
  proxy.freeze()
  await expect.poll(() => lost, { timeout: 5_000 }).toBe(1)
  expect((await other.claim('a')).holder, 'others learn of it later').toBe(self)
  await expect.poll(() => other.claim('a').then(({ holder }) => holder), { timeout: 5_000 }).toBe(other.self)
  expect(cut.isSure(), 'it knows sooner than others take over').toBe(false)
  await expect(cut.claim('a')).rejects.toThrow(StoreUnavailableError)
  proxy.thaw()
  proxy.cut()
  await expect
    .poll(
      () =>
        cut.claim('a').then(
          ({ holder }) => holder,
          () => '',
        ),
      { timeout: 5_000 },
    )
    .toBe(other.self)
  expect(lost).toBe(1)
  expect(cut.self).not.toBe(self)
})

test('a process that is stopped is overtaken, and knows when it goes on', async () => {
  const prefix = redis.newPrefix()
  const life = '1500'
  const program = join(import.meta.dirname, 'suites/holder.ts')
  const node = ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning', program]
  const child = spawn(process.execPath, [...node, redis.connection, prefix, life], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said: string[] = []
  createInterface(child.stdout).on('line', (line) => said.push(line))
  try {
    await expect.poll(() => said.at(-1), { timeout: 10_000 }).toBe('true 0')
    await using other = await open({ prefix, life: Number(life) })
    expect((await other.claim('a')).holder).not.toBe(other.self)
    child.kill('SIGSTOP')
    await expect.poll(() => other.claim('a').then(({ holder }) => holder), { timeout: 5_000 }).toBe(other.self)
    const before = said.length
    child.kill('SIGCONT')
    await expect.poll(() => said.at(-1), { timeout: 5_000 }).toBe('false 1')
    expect(said.slice(before + 1).filter((line) => line.startsWith('true'))).toEqual([])
  } finally {
    child.kill('SIGKILL')
  }
})

test('mail outlives a connection that breaks while it is read', async () => {
  const prefix = redis.newPrefix()
  await using proxy = await startTestProxy(redis.connection)
  await using reader = await open({ connection: proxy.url, prefix })
  await using writer = await open({ prefix })
  await reader.claim('anything')
  const read: string[] = []
  reader.onMail(({ value }) => void read.push(Buffer.from(value).toString()))
  for (let count = 0; count < 60; count += 1) {
    await writer.send(reader.self, Buffer.from(`${count}`))
    if (count % 20 === 10) proxy.cut()
  }
  await expect.poll(() => read.length, { timeout: 10_000 }).toBe(60)
  expect(read).toEqual(Array.from({ length: 60 }, (_, count) => `${count}`))
})

test('what is sent while answers are lost arrives once each, in order', async () => {
  const prefix = redis.newPrefix()
  await using proxy = await startTestProxy(redis.connection)
  await using writer = await open({ connection: proxy.url, prefix })
  await using reader = await open({ prefix })
  const read: string[] = []
  reader.onMail(({ value }) => void read.push(Buffer.from(value).toString()))
  await reader.claim('anything')
  const sending: Promise<void>[] = []
  for (let count = 0; count < 30; count += 1) {
    if (count % 10 === 5) proxy.loseAnswers()
    sending.push(writer.send(reader.self, Buffer.from(`${count}`)))
    if (count % 10 === 5) {
      await expect.poll(() => read).toContain(`${count}`)
      proxy.keepAnswers()
    }
    await Promise.all(sending)
  }
  await expect.poll(() => read.length).toBeGreaterThanOrEqual(30)
  expect(read).toEqual(Array.from({ length: 30 }, (_, count) => `${count}`))
})

test('an account for the keys of this service alone is enough, and it reaches no others', async () => {
  await using account = await createRedisAccount(redis.nodes, '~mcp:* &mcp:*', replicasCommands)
  const connection = account.at(redis.connection)
  const prefix = redis.newPrefix()
  await using one = await open({ connection, prefix })
  await using other = await open({ connection, prefix })
  await exerciseEverything(one, other)
  await using elsewhere = openRedisReplicas({ connection, prefix: 'auth:' })
  await expect(elsewhere.claim('a')).rejects.toThrow(StoreUnavailableError)
})

test('every key has an end, but for one number', async () => {
  const prefix = redis.newPrefix()
  await using one = await open({ prefix })
  await using other = await open({ prefix })
  await one.claim('a')
  await other.send(one.self, Buffer.from('x'))
  await one.put('v', Buffer.from('x'), 1_000)
  await one.decide('q', 'yes', 1_000)
  for (let count = 0; count < 3; count += 1) await one.take('c', 2, 1_000)
  await one.giveBack('c')
  const lives = await redis.onEachKey(prefix, async (node, key) => ({ key, life: await node.pttl(key) }))
  const endless = lives.filter(({ life }) => life < 0).map(({ key }) => key.slice(prefix.length))
  expect(endless).toEqual(['{replicas}:fence'])
})
