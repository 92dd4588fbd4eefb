// Where a store is opened: one case each. What it is like, the opened one says.
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type OnTrouble, redisTroubles, type StoreChoice } from '@gatehouse/service'
import { ConfigError, StoreUnavailableError } from '../errors.ts'
import type { Store } from './contract.ts'
import type { EnvelopeOptions } from './envelope.ts'
import { openRedisStore } from './redis/store.ts'
import { openSqliteStore } from './sqlite/store.ts'

export interface OpenStoreOptions extends EnvelopeOptions {
  readonly onTrouble: OnTrouble
  /** Whether one may be made where it is missing. By default it may. */
  readonly mayCreate?: boolean
}

/** Throws {@link ConfigError} for a file that cannot be used. A Redis that is away is waited for, by anyone who asks. */
export function openStore(choice: StoreChoice, { onTrouble, mayCreate, ...envelope }: OpenStoreOptions): Store {
  switch (choice.kind) {
    case 'sqlite':
      return openSqliteStore({ path: join(choice.folder, 'auth.sqlite'), clock: Date.now, mayCreate, ...envelope })
    case 'redis':
      return openRedisStore({ connection: choice.target, ...redisTroubles(onTrouble), ...envelope })
  }
}

/**
 * Resolves when it answers. Throws {@link ConfigError} if its data is of a newer release, and after so many milliseconds
 * {@link StoreUnavailableError}.
 */
export async function untilAnswers(store: Store, within: number): Promise<void> {
  for (const deadline = performance.now() + within; ; await wait(50)) {
    try {
      return await store.ping()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      if (error.cause instanceof ConfigError) throw error.cause
      if (performance.now() > deadline) throw error
    }
  }
}
