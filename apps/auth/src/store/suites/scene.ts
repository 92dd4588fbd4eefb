// What every part of the suite works with: the harness that a backend gives, and the scene that a test gets.
// Times are milliseconds.

import type { Store } from '../contract.ts'
import type { EnvelopeOptions, Tampering } from '../envelope.ts'
import type { TestSealing } from './test-sealing.ts'

export interface OpenedStore {
  readonly store: Store
  /** Lets time pass for this store. */
  elapse(time: number): Promise<void> | void
  /** Another connection to the same data, if there can be one: races then run on both. */
  openSecond?(): Promise<Store>
  /** The raw bytes that hold the data. */
  dump?(): Promise<Buffer>
  /** After the stores were closed. */
  discard?(): Promise<void> | void
}

export interface StoreHarness {
  /** What all that it opens needs, until the end of the tests. */
  start?(): Promise<AsyncDisposable>
  /** A new, empty store. */
  open(options: Required<EnvelopeOptions>): Promise<OpenedStore> | OpenedStore
  /** How exactly the tests may aim at an edge: 1 where the clock stands still between two calls. */
  readonly precision: number
  /** Whether what it opens has a dump(). */
  readonly canDump: boolean
}

export interface Scene {
  readonly store: Store
  /** The same store once or twice: see {@link OpenedStore.openSecond}. */
  readonly stores: readonly [Store, ...Store[]]
  readonly sealing: TestSealing
  /** What the store refused so far. */
  readonly tampered: readonly Tampering[]
  readonly precision: number
  elapse(time: number): Promise<void>
  dump(): Promise<Buffer>
}

/** Turns a scenario into a test: with a store of its own, closed at the end. */
export type Staged = (run: (scene: Scene) => Promise<void>) => () => Promise<void>

/** Runs `count` calls at once, in turn on each of the stores, and tells how they ended. */
export async function race<T>(
  count: number,
  stores: readonly [Store, ...Store[]],
  run: (store: Store, index: number) => Promise<T>,
): Promise<{ readonly won: readonly T[]; readonly lost: readonly unknown[] }> {
  const runs = Array.from({ length: count }, (_, index) => run(stores[index % stores.length] ?? stores[0], index))
  const results = await Promise.allSettled(runs)
  return {
    won: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    lost: results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])),
  }
}
