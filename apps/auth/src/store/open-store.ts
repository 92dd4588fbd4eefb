// Which store: Redis where there is a URL for it, else one SQLite file. There is no third.
import { join } from 'node:path'
import type { Store } from './contract.ts'
import type { EnvelopeOptions } from './envelope.ts'
import { openRedisStore } from './redis.ts'
import { openSqliteStore } from './sqlite.ts'

export interface StoreChoice extends EnvelopeOptions {
  readonly redisUrl: string | undefined
  readonly dataDir: string
  /** Told once each time the connection is lost or cannot be made, rather than at every attempt. */
  readonly onOutage: (error: Error) => void
}

const QUIET_MS = 60_000

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by whoever asks. */
export function openStore({ redisUrl, dataDir, onOutage, ...envelope }: StoreChoice): Store {
  if (!redisUrl) return openSqliteStore({ path: join(dataDir, 'auth.sqlite'), clock: Date.now, ...envelope })
  let told = -QUIET_MS
  return openRedisStore({
    connection: redisUrl,
    onConnectionError: (error) => {
      if (performance.now() - told < QUIET_MS) return
      told = performance.now()
      onOutage(error)
    },
    ...envelope,
  })
}
