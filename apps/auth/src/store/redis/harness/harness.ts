// The store suite's harness for Redis, whatever kind of it: time passes by shortening lives, node by node.

import { randomUUID } from 'node:crypto'
import type { RedisTarget } from '@gatehouse/service'
import { startTestRedis } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import type { Store } from '../../contract.ts'
import type { StoreHarness } from '../../suites/scene.ts'
import { openRedisStore } from '../store.ts'

export interface RedisUnderTest {
  readonly connection: RedisTarget | string
  /** A connection to each node that holds data. */
  readonly nodes: readonly Redis[]
  /** Of this run alone: the Redis may be one that others use, too. */
  readonly namespace: string
}

export function createRedisHarness(find: () => RedisUnderTest): StoreHarness {
  return {
    // Redis's own clock goes on while a test runs: an edge cannot be hit to the millisecond.
    precision: 2_000,
    canDump: true,
    async open(options) {
      const { connection, nodes, namespace } = find()
      const prefix = `${namespace}:${randomUUID()}:`
      let offset = 0
      const clock = () => Date.now() + offset
      const open = () =>
        untilAnswers(openRedisStore({ connection, prefix, clock, clockOffset: () => offset, ...options }))
      return {
        store: await open(),
        openSecond: open,
        async elapse(time) {
          offset += time
          await onEachKey(nodes, prefix, (node, key) => shorten(node, key, time))
        },
        // a listing looks at all keys that there are
        discard: async () => void (await onEachKey(nodes, prefix, (node, key) => node.del(key))),
        dump: async () => Buffer.concat((await onEachKey(nodes, prefix, read)).flat()),
      }
    },
  }
}

/** The Redis that tests get. */
export function redisAlone(): StoreHarness {
  let found: RedisUnderTest | undefined
  const find = () => {
    if (!found) throw new Error('no Redis')
    return found
  }
  return {
    ...createRedisHarness(find),
    async start() {
      const server = await startTestRedis()
      const node = new Redis(server.url)
      const namespace = `auth:test-${randomUUID()}`
      found = { connection: server.url, nodes: [node], namespace }
      return {
        async [Symbol.asyncDispose]() {
          await onEachKey([node], namespace, (_, key) => node.del(key))
          node.disconnect()
          await server[Symbol.asyncDispose]()
        },
      }
    },
  }
}

export async function onEachKey<T>(
  nodes: readonly Redis[],
  prefix: string,
  run: (node: Redis, key: string) => Promise<T>,
): Promise<T[]> {
  const results = nodes.map(async (node) =>
    Promise.all((await node.keys(`${prefix}*`)).map(async (key) => run(node, key))),
  )
  return (await Promise.all(results)).flat()
}

export async function untilAnswers<T extends Store>(store: T): Promise<T> {
  await expect.poll(() => store.ping(), { timeout: 5_000, interval: 5 }).toBeUndefined()
  return store
}

/** Takes so much from the life of a key. */
async function shorten(node: Redis, key: string, time: number): Promise<void> {
  const rest = await node.pttl(key)
  if (rest < 0) return
  if (rest <= time) await node.del(key)
  else await node.pexpire(key, Math.round(rest - time))
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
