// Which store: Redis where one is named, else one SQLite file. There is no third.
import { join } from 'node:path'
import { type RedisTarget, seldom } from '@gatehouse/service'
import type { SessionStore } from './contract.ts'
import { openRedisStore } from './redis.ts'
import { openSqliteStore } from './sqlite.ts'

export interface StoreChoice {
  readonly redis: RedisTarget | undefined
  readonly dataDir: string
  /** Told when the connection is lost or cannot be made, at most once a minute. */
  readonly onOutage: (error: Error) => void
}

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by whoever asks. */
export function openStore({ redis, dataDir, onOutage }: StoreChoice): SessionStore {
  if (!redis) return openSqliteStore({ path: join(dataDir, 'mcp.sqlite') })
  return openRedisStore({ connection: redis, onConnectionError: seldom(onOutage) })
}
