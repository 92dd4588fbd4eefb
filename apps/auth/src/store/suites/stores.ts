// Every store that there is: a row each.
import { redisAlone } from '../redis/harness/harness.ts'
import { sqliteInFile, sqliteInMemory } from '../sqlite/harness/harness.ts'
import type { StoreHarness } from './scene.ts'

export const stores: readonly (readonly [name: string, harness: StoreHarness])[] = [
  ['SQLite in memory', sqliteInMemory],
  ['SQLite in a file', sqliteInFile],
  ['Redis', redisAlone()],
]
