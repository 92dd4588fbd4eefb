import { expect, test } from 'vitest'
import { AlreadyConsumedError, DeviceCodeStateError, UserCodeTakenError } from '../../errors.ts'
import type { DeviceCodePhase, Store } from '../contract.ts'
import type { Staged } from './scene.ts'

/** How long a device code can be read after it expired. */
const grace = 300_000
const userCode = 'BCDFGHJK'

const ways = ['pending', 'in_flight', 'decided'] as const

/** Which update may follow which state, by the owner who made that state and by somebody else. */
const matrix: readonly (readonly [DeviceCodePhase, DeviceCodePhase, 'written' | 'refused', 'written' | 'refused'])[] = [
  // is in        is to go to  by its owner by another
  ['pending', 'pending', 'refused', 'refused'],
  ['pending', 'in_flight', 'written', 'written'],
  ['pending', 'decided', 'written', 'written'],
  ['in_flight', 'pending', 'refused', 'refused'],
  ['in_flight', 'in_flight', 'written', 'refused'],
  ['in_flight', 'decided', 'written', 'refused'],
  ['decided', 'pending', 'refused', 'refused'],
  ['decided', 'in_flight', 'refused', 'refused'],
  ['decided', 'decided', 'refused', 'refused'],
]

async function createIn(phase: DeviceCodePhase, store: Store, id: string, code: string): Promise<void> {
  await store.deviceCodes.create(id, { step: 'created' }, 600_000, { userCode: code, phase: 'pending' })
  if (phase === 'pending') return
  await store.deviceCodes.update(id, { step: 'moved' }, { userCode: code, phase, owner: 'alice' })
}

export function describeDeviceCodes(staged: Staged): void {
  test(
    'a device code is found by its id and by its user code',
    staged(async ({ store }) => {
      await store.deviceCodes.create('d', { n: 1 }, 600_000, { userCode, phase: 'pending' })
      expect(await store.records.find('DeviceCode', 'd')).toEqual({ payload: { n: 1 } })
      expect(await store.deviceCodes.findByUserCode(userCode)).toEqual({ payload: { n: 1 }, phase: 'pending' })
      expect(await store.deviceCodes.findByUserCode('BCDFGHJL')).toBeUndefined()
    }),
  )

  test(
    'an update shows payload, phase and owner by both ways',
    staged(async ({ store }) => {
      await createIn('in_flight', store, 'd', userCode)
      const found = { payload: { step: 'moved' }, phase: 'in_flight', owner: 'alice' }
      expect(await store.deviceCodes.findByUserCode(userCode)).toEqual(found)
      await store.deviceCodes.update(
        'd',
        { step: 'done' },
        { userCode, phase: 'decided', owner: 'alice', grantId: 'g' },
      )
      expect(await store.deviceCodes.findByUserCode(userCode)).toMatchObject({ phase: 'decided', owner: 'alice' })
      expect(await store.records.find('DeviceCode', 'd')).toEqual({ payload: { step: 'done' } })
      await store.records.revokeByGrant('g')
      expect(await store.records.find('DeviceCode', 'd')).toBeUndefined()
    }),
  )

  test(
    'the phases follow each other as the matrix says, and a refused update changes nothing',
    staged(async ({ store }) => {
      expect(matrix).toHaveLength(ways.length ** 2)
      for (const [index, [from, to, byOwner, byAnother]] of matrix.entries()) {
        for (const [owner, expected] of [
          ['alice', byOwner],
          ['bob', byAnother],
        ] as const) {
          const id = `${owner}-${index}`
          const code = `${owner === 'alice' ? 'B' : 'C'}BBBBBB${index}`
          await createIn(from, store, id, code)
          const before = await store.deviceCodes.findByUserCode(code)
          const update = store.deviceCodes.update(id, { step: 'last' }, { userCode: code, phase: to, owner })
          const outcome = await update.then(
            () => 'written',
            (error) => (error instanceof DeviceCodeStateError ? 'refused' : error),
          )
          expect([from, to, owner, outcome]).toEqual([from, to, owner, expected])
          const after = await store.deviceCodes.findByUserCode(code)
          expect(after).toEqual(outcome === 'written' ? { payload: { step: 'last' }, phase: to, owner } : before)
        }
      }
    }),
  )

  test(
    'what is consumed, expired or not there cannot be updated, and trying does not make it',
    staged(async ({ store, elapse, precision }) => {
      const write = { userCode, phase: 'decided', owner: 'alice' } as const
      await createIn('in_flight', store, 'consumed', 'BBBBBBBB')
      await store.records.consume('DeviceCode', 'consumed')
      await createIn('in_flight', store, 'destroyed', 'CCCCCCCC')
      await store.records.destroy('DeviceCode', 'destroyed')
      await createIn('in_flight', store, 'expired', userCode)
      for (const id of ['consumed', 'destroyed', 'never there']) {
        await expect(store.deviceCodes.update(id, {}, write)).rejects.toThrow(DeviceCodeStateError)
      }
      expect((await store.records.find('DeviceCode', 'consumed'))?.payload).toEqual({ step: 'moved' })
      expect(await store.records.find('DeviceCode', 'destroyed')).toBeUndefined()
      expect(await store.records.find('DeviceCode', 'never there')).toBeUndefined()
      await elapse(600_000 + precision)
      await expect(store.deviceCodes.update('expired', {}, write)).rejects.toThrow(DeviceCodeStateError)
      expect((await store.records.find('DeviceCode', 'expired'))?.payload).toEqual({ step: 'moved' })
    }),
  )

  test(
    'anyone who puts a code in flight or decides it has to be named',
    staged(async ({ store }) => {
      await createIn('pending', store, 'd', userCode)
      await expect(store.deviceCodes.update('d', {}, { userCode, phase: 'in_flight' })).rejects.toThrow(TypeError)
      await expect(store.deviceCodes.update('d', {}, { userCode, phase: 'decided' })).rejects.toThrow(TypeError)
    }),
  )

  test(
    'a device code is readable for 300 s past its expiry and never after',
    staged(async ({ store, elapse, precision }) => {
      await store.deviceCodes.create('d', {}, 600_000, { userCode, phase: 'pending' })
      await elapse(600_000 + grace - precision)
      expect(await store.records.find('DeviceCode', 'd')).toBeDefined()
      expect(await store.deviceCodes.findByUserCode(userCode)).toBeDefined()
      await elapse(2 * precision)
      expect(await store.records.find('DeviceCode', 'd')).toBeUndefined()
      expect(await store.deviceCodes.findByUserCode(userCode)).toBeUndefined()
    }),
  )

  test(
    'an update keeps the lifetime that the code was created with',
    staged(async ({ store, elapse, precision }) => {
      await store.deviceCodes.create('d', {}, 600_000, { userCode, phase: 'pending' })
      await elapse(500_000)
      await store.deviceCodes.update('d', {}, { userCode, phase: 'in_flight', owner: 'alice' })
      await elapse(100_000 + precision)
      await expect(store.records.consume('DeviceCode', 'd')).rejects.toThrow(AlreadyConsumedError)
      await elapse(grace - 2 * precision)
      expect(await store.deviceCodes.findByUserCode(userCode)).toBeDefined()
      await elapse(2 * precision)
      expect(await store.records.find('DeviceCode', 'd')).toBeUndefined()
      expect(await store.deviceCodes.findByUserCode(userCode)).toBeUndefined()
    }),
  )

  test(
    'a user code is taken while its device code lives, and free once that has expired',
    staged(async ({ store, elapse, precision }) => {
      await store.deviceCodes.create('first', { n: 1 }, 600_000, { userCode, phase: 'pending' })
      await elapse(600_000 - precision)
      const second = () => store.deviceCodes.create('second', { n: 2 }, 600_000, { userCode, phase: 'pending' })
      await expect(second()).rejects.toThrow(UserCodeTakenError)
      expect(await store.records.find('DeviceCode', 'second')).toBeUndefined()
      await elapse(2 * precision)
      await second()
      expect((await store.deviceCodes.findByUserCode(userCode))?.payload).toEqual({ n: 2 })
      expect((await store.records.find('DeviceCode', 'first'))?.payload).toEqual({ n: 1 })
      await elapse(grace)
      expect((await store.deviceCodes.findByUserCode(userCode))?.payload).toEqual({ n: 2 })
    }),
  )

  test(
    'a device code that is there cannot be created again',
    staged(async ({ store }) => {
      await createIn('decided', store, 'd', userCode)
      const again = store.deviceCodes.create('d', {}, 600_000, { userCode: 'CCCCCCCC', phase: 'pending' })
      await expect(again).rejects.toThrow(DeviceCodeStateError)
      expect(await store.deviceCodes.findByUserCode(userCode)).toMatchObject({ phase: 'decided', owner: 'alice' })
    }),
  )

  test(
    'a consumed device code says so by its user code, too',
    staged(async ({ store }) => {
      await createIn('decided', store, 'd', userCode)
      await store.records.consume('DeviceCode', 'd')
      expect((await store.deviceCodes.findByUserCode(userCode))?.consumedAt).toEqual(expect.any(Number))
    }),
  )
}
