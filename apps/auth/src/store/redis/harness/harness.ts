// The store suite's harness for Redis, whatever kind of it: time passes by shortening lives, node by node.

import { openTestRedis, type RedisScene } from '@gatehouse/testing'
import type { Redis } from 'ioredis'
import { expect } from 'vitest'
import type { Store } from '../../contract.ts'
import type { StoreHarness } from '../../suites/scene.ts'
import { openRedisStore } from '../store.ts'

export function createRedisHarness(find: () => RedisScene): StoreHarness {
  return {
    // Redis's own clock goes on while a test runs: an edge cannot be hit to the millisecond.
    precision: 2_000,
    canDump: true,
    async open(options) {
      const { connection, newPrefix, elapse, onEachKey } = find()
      const prefix = newPrefix()
      let offset = 0
      const clock = () => Date.now() + offset
      const open = () =>
        untilAnswers(openRedisStore({ connection, prefix, clock, clockOffset: () => offset, ...options }))
      return {
        store: await open(),
        openSecond: open,
        async elapse(time) {
          offset += time
          await elapse(prefix, time)
        },
        // a listing looks at all keys that there are
        discard: async () => void (await onEachKey(prefix, (node, key) => node.del(key))),
        dump: async () => Buffer.concat((await onEachKey(prefix, read)).flat()),
      }
    },
  }
}

/** The Redis that tests get. */
export function redisAlone(): StoreHarness {
  let scene: RedisScene
  return {
    ...createRedisHarness(() => scene),
    async start() {
      scene = await openTestRedis('auth')
      return scene
    },
  }
}

export async function untilAnswers<T extends Store>(store: T): Promise<T> {
  await expect.poll(() => store.ping(), { timeout: 5_000, interval: 5 }).toBeUndefined()
  return store
}

/** A key and all that is in it. */
async function read(node: Redis, key: string): Promise<Buffer[]> {
  const type = await node.type(key)
  const name = Buffer.from(`${key}\n`)
  if (type === 'hash') return [name, ...Object.values(await node.hgetallBuffer(key))]
  if (type === 'zset') return [name, ...(await node.zrangeBuffer(key, 0, '-1'))]
  if (type === 'string') return [name, (await node.getBuffer(key)) ?? name]
  throw new Error(`${key} is a ${type}`)
}
