// Which store: Redis where there is a URL for it, else one SQLite file. There is no third.
import { join } from 'node:path'
import type { Store } from './contract.ts'
import type { EnvelopeOptions } from './envelope.ts'
import { openRedisStore } from './redis.ts'
import { openSqliteStore } from './sqlite.ts'

export interface StoreChoice extends EnvelopeOptions {
  readonly redisUrl: string | undefined
  readonly dataDir: string
  /** Told that the connection is lost or cannot be made: once a minute at most, rather than at every attempt. */
  readonly onOutage: (error: Error) => void
  /** Told, once a minute at most, that Redis answers and cannot do what it is asked to: full, read-only, loading. */
  readonly onRefusal: (error: Error) => void
  /** Told, once a minute at most, that Redis drops data when it is full. */
  readonly onEviction: (policy: string) => void
}

const QUIET_MS = 60_000

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by whoever asks. */
export function openStore(choice: StoreChoice): Store {
  const { redisUrl, dataDir, onOutage, onRefusal, onEviction, ...envelope } = choice
  if (!redisUrl) return openSqliteStore({ path: join(dataDir, 'auth.sqlite'), clock: Date.now, ...envelope })
  return openRedisStore({
    connection: redisUrl,
    onConnectionError: seldom(onOutage),
    onRefusal: seldom(onRefusal),
    onEviction: seldom(onEviction),
    ...envelope,
  })
}

function seldom<T>(tell: (what: T) => void): (what: T) => void {
  let told = -QUIET_MS
  return (what) => {
    if (performance.now() - told < QUIET_MS) return
    told = performance.now()
    tell(what)
  }
}
