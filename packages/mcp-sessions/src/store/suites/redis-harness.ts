// The store suite's harness for Redis, whatever kind of it: time passes by shortening lives, node by node.

import type { RedisScene } from '@gatehouse/testing'
import { expect } from 'vitest'
import type { SessionStore } from '../contract.ts'
import { openRedisStore } from '../redis.ts'
import type { StoreHarness } from './store-suite.ts'

export function createRedisHarness(find: () => RedisScene): StoreHarness {
  return {
    async open(limits) {
      const { connection, newPrefix, elapse } = find()
      const prefix = newPrefix()
      let offset = 0
      const open = () => untilAnswers(openRedisStore({ connection, prefix, limits, clockOffset: () => offset }))
      return {
        store: await open(),
        openSecond: open,
        async elapse(milliseconds) {
          offset += milliseconds
          await elapse(prefix, milliseconds)
        },
      }
    },
  }
}

export async function untilAnswers<T extends SessionStore>(store: T): Promise<T> {
  await expect.poll(() => store.ping(), { timeout: 5_000, interval: 5 }).toBeUndefined()
  return store
}
