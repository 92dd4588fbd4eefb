// Where a store is opened: one case each. What it is like, the opened one says.
import { join } from 'node:path'
import { type OnTrouble, redisTroubles, type StoreChoice } from '@gatehouse/service'
import type { Store } from './contract.ts'
import type { EnvelopeOptions } from './envelope.ts'
import { openRedisStore } from './redis/store.ts'
import { openSqliteStore } from './sqlite/store.ts'

export interface OpenStoreOptions extends EnvelopeOptions {
  readonly onTrouble: OnTrouble
  /** Whether one may be made where there is none. By default it may. */
  readonly mayCreate?: boolean
}

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by whoever asks. */
export function openStore(choice: StoreChoice, { onTrouble, mayCreate, ...envelope }: OpenStoreOptions): Store {
  switch (choice.kind) {
    case 'sqlite':
      return openSqliteStore({ path: join(choice.folder, 'auth.sqlite'), clock: Date.now, mayCreate, ...envelope })
    case 'redis':
      return openRedisStore({ connection: choice.target, ...redisTroubles(onTrouble), ...envelope })
  }
}
