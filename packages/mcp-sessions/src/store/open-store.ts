// Where a store is opened: one case each. What it is like, the opened one says.
import { join } from 'node:path'
import { type OnTrouble, redisTroubles, type StoreChoice } from '@gatehouse/service'
import type { SessionStore } from './contract.ts'
import { openRedisStore } from './redis.ts'
import { openSqliteStore } from './sqlite.ts'

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by anyone who asks. */
export function openStore(choice: StoreChoice, onTrouble: OnTrouble): SessionStore {
  switch (choice.kind) {
    case 'sqlite':
      return openSqliteStore({ path: join(choice.folder, 'mcp.sqlite') })
    case 'redis':
      return openRedisStore({ connection: choice.target, ...redisTroubles(onTrouble) })
  }
}
