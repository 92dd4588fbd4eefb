// Which store: Redis where one is named, else one SQLite file. There is no third.
import { join } from 'node:path'
import { type RedisTarget, seldom } from '@gatehouse/service'
import type { Store } from './contract.ts'
import type { EnvelopeOptions } from './envelope.ts'
import { openRedisStore } from './redis.ts'
import { openSqliteStore } from './sqlite.ts'

export interface StoreChoice extends EnvelopeOptions {
  readonly redis: RedisTarget | undefined
  readonly dataDir: string
  /** Told that the connection is lost or cannot be made: once a minute at most, rather than at every attempt. */
  readonly onOutage: (error: Error) => void
  /** Told, once a minute at most, that Redis answers and cannot do what it is asked to: full, read-only, loading. */
  readonly onRefusal: (error: Error) => void
  /** Told, once a minute at most, that Redis drops data when it is full. */
  readonly onEviction: (policy: string) => void
  /** Told, once a minute at most, that there is no replica to copy what a failover must not forget. */
  readonly onUncopied: () => void
}

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by whoever asks. */
export function openStore(choice: StoreChoice): Store {
  const { redis, dataDir, onOutage, onRefusal, onEviction, onUncopied, ...envelope } = choice
  if (!redis) return openSqliteStore({ path: join(dataDir, 'auth.sqlite'), clock: Date.now, ...envelope })
  return openRedisStore({
    connection: redis,
    onConnectionError: seldom(onOutage),
    onRefusal: seldom(onRefusal),
    onEviction: seldom(onEviction),
    onUncopied: seldom(onUncopied),
    ...envelope,
  })
}
