import type { AttemptStore } from '../contract.ts'
import type { RedisPartOptions } from './parts.ts'

export function createRedisAttempts({ connection, sealing, prefix }: RedisPartOptions): AttemptStore {
  // Names hold addresses and the like, which a bare hash would not hide. A new AUTH_SECRET starts the windows afresh.
  const keyOf = (name: string) => `${prefix}attempts:${sealing.keyedHash('attempts', name)[0]}`

  return {
    async take(name, limit, window) {
      const length = Math.round(window)
      const [allowed, rest] = await connection.write((redis) => redis.takeAttempt(keyOf(name), limit, length))
      return { allowed: allowed === 1, retryAfter: Math.max(1, rest) }
    },

    async giveBack(name) {
      await connection.write((redis) => redis.giveBackAttempt(keyOf(name)))
    },
  }
}
