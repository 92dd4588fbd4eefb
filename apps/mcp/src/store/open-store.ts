// Which store: Redis where there is a URL for it, else one SQLite file. There is no third.
import { join } from 'node:path'
import type { SessionStore } from './contract.ts'
import { openRedisStore } from './redis.ts'
import { openSqliteStore } from './sqlite.ts'

export interface StoreChoice {
  readonly redisUrl: string | undefined
  readonly dataDir: string
  /** Told when the connection is lost or cannot be made, at most once a minute. */
  readonly onOutage: (error: Error) => void
}

const quiet = 60_000

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by whoever asks. */
export function openStore({ redisUrl, dataDir, onOutage }: StoreChoice): SessionStore {
  if (redisUrl === undefined) return openSqliteStore({ path: join(dataDir, 'mcp.sqlite') })
  let told = -quiet
  return openRedisStore({
    url: redisUrl,
    onConnectionError: (error) => {
      if (performance.now() - told < quiet) return
      told = performance.now()
      onOutage(error)
    },
  })
}
