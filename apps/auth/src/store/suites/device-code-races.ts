import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { DeviceCodeStateError, UserCodeTakenError } from '../../errors.ts'
import { race, type Staged } from './scene.ts'

/** Enough for a store that looks first and writes then to be caught. */
const rounds = 50
const userCodeOf = (round: number) => `BBBBBB${String(round).padStart(2, '0')}`

export function describeDeviceCodeRaces(staged: Staged): void {
  verifies(
    'D17',
    'of two people who enter one user code at once exactly one owns it',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < rounds; round += 1) {
        const userCode = userCodeOf(round)
        await store.deviceCodes.create(`d-${round}`, {}, 600_000, { userCode, phase: 'pending' })
        const { won, lost } = await race(2, stores, async (each, index) => {
          const owner = index === 0 ? 'alice' : 'bob'
          await each.deviceCodes.update(`d-${round}`, { owner }, { userCode, phase: 'in_flight', owner })
          return owner
        })
        expect(won).toHaveLength(1)
        expect(lost).toEqual([expect.any(DeviceCodeStateError)])
        const [owner] = won
        expect(await store.deviceCodes.findByUserCode(userCode)).toEqual({
          payload: { owner },
          phase: 'in_flight',
          owner,
        })
      }
    }),
  )

  verifies(
    'D17',
    'of eight approvals and denials at once exactly one counts, and nothing comes after it',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < rounds; round += 1) {
        const [id, userCode, owner] = [`d-${round}`, userCodeOf(round), 'alice']
        await store.deviceCodes.create(id, {}, 600_000, { userCode, phase: 'pending' })
        await store.deviceCodes.update(id, {}, { userCode, phase: 'in_flight', owner })
        const { won, lost } = await race(8, stores, async (each, index) => {
          const payload = index % 2 === 0 ? { accountId: `account-${index}` } : { error: `denied-${index}` }
          await each.deviceCodes.update(id, payload, { userCode, phase: 'decided', owner })
          return payload
        })
        expect(won).toHaveLength(1)
        expect(lost.every((error) => error instanceof DeviceCodeStateError)).toBe(true)
        expect((await store.records.find('DeviceCode', id))?.payload).toEqual(won[0])
      }
    }),
  )

  verifies(
    'D16',
    'of a sign-in with a code and cancelling it elsewhere at once exactly one counts',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < rounds; round += 1) {
        const [id, userCode] = [`d-${round}`, userCodeOf(round)]
        await store.deviceCodes.create(id, {}, 600_000, { userCode, phase: 'pending' })
        const { won, lost } = await race(2, stores, async (each, index) => {
          const [owner, phase] = index === 0 ? (['alice', 'in_flight'] as const) : (['bob', 'decided'] as const)
          await each.deviceCodes.update(id, { owner }, { userCode, phase, owner })
          return { payload: { owner }, phase, owner }
        })
        expect(won).toHaveLength(1)
        expect(lost).toEqual([expect.any(DeviceCodeStateError)])
        expect(await store.deviceCodes.findByUserCode(userCode)).toEqual(won[0])
      }
    }),
  )

  test(
    'of twenty device codes with one user code exactly one is created',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < 10; round += 1) {
        const userCode = userCodeOf(round)
        const { won, lost } = await race(20, stores, async (each, index) => {
          const id = `d-${round}-${index}`
          await each.deviceCodes.create(id, { id }, 600_000, { userCode, phase: 'pending' })
          return id
        })
        expect(won).toHaveLength(1)
        expect(lost.every((error) => error instanceof UserCodeTakenError)).toBe(true)
        expect((await store.deviceCodes.findByUserCode(userCode))?.payload).toEqual({ id: won[0] })
        for (let index = 0; index < 20; index += 1) {
          const record = await store.records.find('DeviceCode', `d-${round}-${index}`)
          expect(record !== undefined).toBe(`d-${round}-${index}` === won[0])
        }
      }
    }),
  )

  test(
    'of twenty who take over an expired user code at once exactly one does',
    staged(async ({ store, stores, elapse }) => {
      await store.deviceCodes.create('old', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      await elapse(602_000)
      const { won, lost } = await race(20, stores, (each, index) =>
        each.deviceCodes.create(`d-${index}`, {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' }),
      )
      expect(won).toHaveLength(1)
      expect(lost.every((error) => error instanceof UserCodeTakenError)).toBe(true)
    }),
  )

  test(
    'of twenty first polls at once exactly one is in time',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < 10; round += 1) {
        const id = `d-${round}`
        await store.deviceCodes.create(id, {}, 600_000, { userCode: userCodeOf(round), phase: 'pending' })
        const { won } = await race(20, stores, (each) => each.deviceCodes.poll(id, 5_000, 0))
        expect(won).toHaveLength(20)
        expect(won.filter((answer) => answer === 'undecided')).toHaveLength(1)
      }
    }),
  )
}
