// Many calls between three replicas while the ways to Redis break, hang and lose answers at random: none is run twice, and what
// is said of each is true.
import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRedisReplicas } from '@gatehouse/replicas'
import { startTestProxy, startTestRedis } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { NotBegunError, ReplicaLostError } from './call-errors.ts'
import { createCalls } from './calls.ts'
import { createSealedMail } from './sealed-mail.ts'

/** Milliseconds. */
const life = 1_500
const goesOn = 30_000
const company = { signal: new AbortController().signal, hear: () => undefined, ask: async () => undefined }

test('nothing is run twice, whatever happens to the store', async () => {
  await using redis = await startTestRedis()
  const prefix = `mcp:test-${randomUUID()}:`
  const mail = createSealedMail(['a secret for tests, and for nothing else'])
  const runs = new Map<number, number>()
  async function member() {
    const way = await startTestProxy(redis.url)
    const replicas = openRedisReplicas({ connection: way.url, prefix, life })
    const calls = createCalls({ replicas, mail, onerror: () => undefined })
    calls.serve('run', async ({ n, pause }, caller) => {
      await sleep(pause[0])
      await caller.begin()
      runs.set(n, (runs.get(n) ?? 0) + 1)
      await sleep(pause[1])
      return n
    })
    return { way, replicas, calls }
  }
  const all = [await member(), await member(), await member()] as const
  const any = () => all[randomInt(3)] as (typeof all)[0]
  const outcomes = { answered: 0, notBegun: 0, lost: 0 }
  const until = performance.now() + goesOn
  let last = 0

  async function callOn(): Promise<void> {
    const [one, other] = [any(), any()]
    last += 1
    const n = last
    const input = { n, pause: [randomInt(4) === 0 ? randomInt(50) : 0, randomInt(4) === 0 ? randomInt(50) : 0] }
    try {
      expect(await one.calls.call(other.replicas.self, 'run', input, company)).toBe(n)
      outcomes.answered += 1
      expect(runs.get(n)).toBe(1)
    } catch (error) {
      if (error instanceof NotBegunError) {
        outcomes.notBegun += 1
        expect(runs.get(n)).toBe(undefined)
        runs.set(n, 1) // from now on each run would be a second one
        await sleep(20)
      } else if (error instanceof ReplicaLostError) outcomes.lost += 1
      else throw error
    }
  }

  async function trouble(): Promise<void> {
    const { way } = any()
    const kind = randomInt(4)
    if (kind === 0) way.cut()
    else if (kind === 1) {
      way.loseAnswers()
      await sleep(randomInt(150))
      way.keepAnswers()
    } else if (kind === 2) {
      way.freeze()
      await sleep(randomInt(2 * life))
      way.thaw()
      way.cut()
    }
    await sleep(randomInt(1_000))
  }

  const going = async (work: () => Promise<void>): Promise<void> => {
    while (performance.now() < until) await work()
  }
  await Promise.all([...Array.from({ length: 24 }, () => going(callOn)), going(trouble)])
  await sleep(2 * life)
  process.stdout.write(`${last} calls: ${JSON.stringify(outcomes)}\n`)
  expect([...runs.values()].filter((count) => count > 1)).toEqual([])
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(0)
  for (const { calls, replicas, way } of all) {
    calls.close()
    await replicas.close()
    await way[Symbol.asyncDispose]()
  }
}, 180_000)
