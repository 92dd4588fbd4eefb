// Three replicas that want the same lease all the time, while the ways to Redis break, hang and lose answers at random: never
// are two of them sure to hold it, and none stays without it for long.
import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startTestProxy, startTestRedis } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { openRedisReplicas } from './redis.ts'

/** Milliseconds. */
const life = 1_000
const goesOn = 30_000

test('never do two hold one lease', async () => {
  await using redis = await startTestRedis()
  const prefix = `mcp:test-${randomUUID()}:`
  async function member() {
    const way = await startTestProxy(redis.url)
    const replicas = openRedisReplicas({ connection: way.url, prefix, life })
    const one = { way, replicas, holds: false }
    replicas.onLost(() => {
      one.holds = false
    })
    return one
  }
  const all = [await member(), await member(), await member()] as const
  const until = performance.now() + goesOn
  const counts = { looks: 0, held: 0, doubles: 0, released: 0 }

  const sure = () => all.filter(({ replicas, holds }) => holds && replicas.isSure())
  function look(): void {
    const holders = sure().length
    counts.looks += 1
    if (holders > 0) counts.held += 1
    if (holders > 1) counts.doubles += 1
  }

  async function want(one: (typeof all)[0]): Promise<void> {
    while (performance.now() < until) {
      let fence = 0
      const holder = await one.replicas.claim('a').then(
        (lease) => {
          fence = lease.fence
          return lease.holder
        },
        () => undefined,
      )
      if (holder === one.replicas.self && one.replicas.isSure()) one.holds = true
      look()
      if (one.holds && randomInt(200) === 0) {
        one.holds = false // before it is said
        counts.released += 1
        await one.replicas.release('a', fence).catch(() => undefined)
      }
      await sleep(randomInt(10))
    }
  }

  async function trouble(): Promise<void> {
    while (performance.now() < until) {
      const { way } = all[randomInt(3)] as (typeof all)[0]
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
      await sleep(randomInt(500))
    }
  }

  await Promise.all([...all.map(want), trouble()])
  process.stdout.write(`${JSON.stringify(counts)}\n`)
  expect(counts.doubles).toBe(0)
  expect(counts.held).toBeGreaterThan(counts.looks / 4)
  for (const { replicas, way } of all) {
    await replicas.close()
    await way[Symbol.asyncDispose]()
  }
}, 120_000)
