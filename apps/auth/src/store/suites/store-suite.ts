// The one way to prove a store: every MUST of ../contract.ts, races included, for whatever holds the data. A store's test is
// a harness and a row in stores.ts. No test sleeps: time passes by the harness's elapse().

import { afterAll, beforeAll, describe } from 'vitest'
import type { Tampering } from '../envelope.ts'
import { describeAttempts } from './attempts.ts'
import { describeClockSetBack } from './clock-set-back.ts'
import { describeDeviceCodeRaces } from './device-code-races.ts'
import { describeDeviceCodes } from './device-codes.ts'
import { describeDocuments } from './documents.ts'
import { describeGrants } from './grants.ts'
import { describeClearing, describeEnds, describeListing, describeReplacing } from './listing.ts'
import { describeLiveness } from './liveness.ts'
import { describePolls } from './polls.ts'
import { describeRecordLifetimes } from './record-lifetimes.ts'
import { describeRecords } from './records.ts'
import type { Staged, StoreHarness } from './scene.ts'
import { describeSecrecy } from './secrecy.ts'
import { createTestSealing } from './test-sealing.ts'

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
        elapse: async (time) => opened.elapse(time),
        dump: async () => (await opened.dump?.()) ?? Buffer.alloc(0),
      })
    } finally {
      await store.close()
      await second?.close()
      await opened.discard?.()
    }
  }

  describe(name, () => {
    let started: AsyncDisposable | undefined
    beforeAll(async () => {
      started = await harness.start?.()
    }, 60_000)
    afterAll(() => started?.[Symbol.asyncDispose]())
    describe('records', () => describeRecords(staged))
    describe('record lifetimes', () => describeRecordLifetimes(staged))
    describe('replacing records', () => describeReplacing(staged))
    describe('listings', () => describeListing(staged))
    describe('clearing', () => describeClearing(staged))
    describe('grants of an account', () => describeGrants(staged))
    describe('device codes', () => describeDeviceCodes(staged))
    describe('device code races', () => describeDeviceCodeRaces(staged))
    describe('polls', () => describePolls(staged))
    describe('attempts', () => describeAttempts(staged))
    describe('a clock that is set back', () => describeClockSetBack(staged))
    describe('documents', () => describeDocuments(staged))
    describe('documents that end', () => describeEnds(staged))
    describe('secrecy', () => describeSecrecy(staged, harness))
    describe('liveness', () => describeLiveness(staged))
  })
}
