// Which store: Redis where one is named, else one SQLite file. There is no third.
import { join } from 'node:path'
import { type OnTrouble, type RedisTarget, redisTroubles } from '@gatehouse/service'
import type { SessionStore } from './contract.ts'
import { openRedisStore } from './redis.ts'
import { openSqliteStore } from './sqlite.ts'

export interface StoreChoice {
  readonly redis: RedisTarget | undefined
  readonly dataDir: string
  readonly onTrouble: OnTrouble
}

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by whoever asks. */
export function openStore({ redis, dataDir, onTrouble }: StoreChoice): SessionStore {
  if (!redis) return openSqliteStore({ path: join(dataDir, 'mcp.sqlite') })
  return openRedisStore({ connection: redis, ...redisTroubles(onTrouble) })
}
