// The store suite's harness for Redis, whatever kind of it: time passes by shortening lives, node by node.

import { randomUUID } from 'node:crypto'
import type { RedisTarget } from '@gatehouse/service'
import type { Redis } from 'ioredis'
import { expect } from 'vitest'
import type { SessionStore } from '../contract.ts'
import { openRedisStore } from '../redis.ts'
import type { StoreHarness } from './store-suite.ts'

export interface RedisUnderTest {
  readonly connection: RedisTarget | string
  /** A connection to each node that holds data. */
  readonly nodes: readonly Redis[]
  /** Of this run alone: the Redis may be one that others use, too. */
  readonly namespace: string
}

export function createRedisHarness(find: () => RedisUnderTest): StoreHarness {
  return {
    async open(limits) {
      const { connection, nodes, namespace } = find()
      const prefix = `${namespace}:${randomUUID()}:`
      let offset = 0
      const open = () => untilAnswers(openRedisStore({ connection, prefix, limits, clockOffset: () => offset }))
      return {
        store: await open(),
        openSecond: open,
        async elapse(milliseconds) {
          offset += milliseconds
          for (const node of nodes) {
            for (const key of await node.keys(`${prefix}*`)) await shorten(node, key, milliseconds)
          }
        },
      }
    },
  }
}

export async function untilAnswers<T extends SessionStore>(store: T): Promise<T> {
  await expect.poll(() => store.ping(), { timeout: 5_000, interval: 5 }).toBeUndefined()
  return store
}

/** Takes milliseconds from the life of a key. */
async function shorten(node: Redis, key: string, milliseconds: number): Promise<void> {
  const rest = await node.pttl(key)
  if (rest < 0) return
  if (rest <= milliseconds) await node.del(key)
  else await node.pexpire(key, Math.round(rest - milliseconds))
}
