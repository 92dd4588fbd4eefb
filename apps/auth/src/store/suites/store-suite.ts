// The one way to prove a store: every MUST of ../contract.ts, races included, for whatever holds the data. A backend's
// test is a harness and one call; see ../sqlite.test.ts. No test sleeps: time passes by the harness's elapse().

import { describe } from 'vitest'
import type { Store } from '../contract.ts'
import type { EnvelopeOptions, Tampering } from '../envelope.ts'
import { describeAttempts } from './attempts.ts'
import { describeDeviceCodeRaces } from './device-code-races.ts'
import { describeDeviceCodes } from './device-codes.ts'
import { describeDocuments } from './documents.ts'
import { describeLiveness } from './liveness.ts'
import { describePolls } from './polls.ts'
import { describeRecordLifetimes } from './record-lifetimes.ts'
import { describeRecords } from './records.ts'
import { describeSecrecy } from './secrecy.ts'
import { createTestSealing, type TestSealing } from './test-sealing.ts'

export interface OpenedStore {
  readonly store: Store
  /** Lets time pass for this store. */
  elapse(seconds: number): Promise<void> | void
  /** Another connection to the same data, if there can be one: races then run on both. */
  openSecond?(): Promise<Store>
  /** After the stores were closed. */
  discard?(): Promise<void> | void
}

export interface StoreHarness {
  /** A new, empty store. */
  open(options: Required<EnvelopeOptions>): Promise<OpenedStore> | OpenedStore
  /** How exactly, in seconds, the tests may aim at an edge: 0.001 where the clock stands still between two calls. */
  readonly precision: number
  /** The raw bytes that hold the data. Without it, what is to be seen in them is not tested. */
  dump?(opened: OpenedStore): Promise<Buffer>
}

export interface Scene {
  readonly store: Store
  /** The same store once or twice: see {@link OpenedStore.openSecond}. */
  readonly stores: readonly [Store, ...Store[]]
  readonly sealing: TestSealing
  /** What the store refused so far. */
  readonly tampered: readonly Tampering[]
  readonly precision: number
  elapse(seconds: number): Promise<void>
  dump(): Promise<Buffer>
}

/** Turns a scenario into a test: with a store of its own, closed at the end. */
export type Staged = (run: (scene: Scene) => Promise<void>) => () => Promise<void>

export function describeStore(name: string, harness: StoreHarness): void {
  const staged: Staged = (run) => async () => {
    const sealing = createTestSealing()
    const tampered: Tampering[] = []
    const opened = await harness.open({ sealing, onTampered: (tampering) => tampered.push(tampering) })
    const { store } = opened
    const second = await opened.openSecond?.()
    try {
      await run({
        store,
        stores: second ? [store, second] : [store],
        sealing,
        tampered,
        precision: harness.precision,
        elapse: async (seconds) => opened.elapse(seconds),
        dump: async () => (await harness.dump?.(opened)) ?? Buffer.alloc(0),
      })
    } finally {
      await store.close()
      await second?.close()
      await opened.discard?.()
    }
  }

  describe(name, () => {
    describe('records', () => describeRecords(staged))
    describe('record lifetimes', () => describeRecordLifetimes(staged))
    describe('device codes', () => describeDeviceCodes(staged))
    describe('device code races', () => describeDeviceCodeRaces(staged))
    describe('polls', () => describePolls(staged))
    describe('attempts', () => describeAttempts(staged))
    describe('documents', () => describeDocuments(staged))
    describe('secrecy', () => describeSecrecy(staged, { canDump: harness.dump !== undefined }))
    describe('liveness', () => describeLiveness(staged))
  })
}

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
