import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { AlreadyConsumedError } from '../../errors.ts'
import { race, type Staged } from './scene.ts'

export function describeRecords(staged: Staged): void {
  test(
    'a record is found as it was put, and under its own model and id only',
    staged(async ({ store }) => {
      const payload = { kind: 'Session', list: [1, { deep: null }], text: 'Grüße, 世界', yes: true }
      await store.records.put('Session', 'a', payload, 60_000)
      expect(await store.records.find('Session', 'a')).toEqual({ payload })
      expect(await store.records.find('Session', 'b')).toBeUndefined()
      expect(await store.records.find('Interaction', 'a')).toBeUndefined()
    }),
  )

  test(
    'of twenty that create the same record at once exactly one does, and its payload stays',
    staged(async ({ store, stores, elapse }) => {
      const { won } = await race(20, stores, async (each, index) =>
        (await each.records.create('Answer', 'a', { index }, 60_000)) ? index : undefined,
      )
      const winners = won.filter((index) => index !== undefined)
      expect(winners).toHaveLength(1)
      expect(await store.records.find('Answer', 'a')).toEqual({ payload: { index: winners[0] } })
      await elapse(61_000)
      expect(await store.records.create('Answer', 'a', { again: true }, 60_000), 'the one before has expired').toBe(
        true,
      )
      expect(await store.records.find('Answer', 'a')).toEqual({ payload: { again: true } })
    }),
  )

  test(
    'a large record keeps every byte',
    staged(async ({ store }) => {
      const payload = { text: 'ä'.repeat(200_000) }
      await store.records.put('Client', 'a', payload, 60_000)
      expect(await store.records.find('Client', 'a')).toEqual({ payload })
    }),
  )

  test(
    'putting a record again replaces its payload',
    staged(async ({ store }) => {
      await store.records.put('Session', 'a', { first: 1 }, 60_000)
      await store.records.put('Session', 'a', { second: 2 }, 60_000)
      expect(await store.records.find('Session', 'a')).toEqual({ payload: { second: 2 } })
    }),
  )

  test(
    'a record is found by its uid, within its model',
    staged(async ({ store }) => {
      await store.records.put('Session', 'a', { n: 1 }, 60_000, { uid: 'u' })
      expect(await store.records.findByUid('Session', 'u')).toEqual({ payload: { n: 1 } })
      expect(await store.records.findByUid('Session', 'a')).toBeUndefined()
      expect(await store.records.findByUid('Interaction', 'u')).toBeUndefined()
    }),
  )

  test(
    'a uid leads to the record that was put last, and outlives the one before',
    staged(async ({ store }) => {
      await store.records.put('Session', 'old', { n: 1 }, 60_000, { uid: 'u' })
      await store.records.put('Session', 'new', { n: 2 }, 60_000, { uid: 'u' })
      expect(await store.records.findByUid('Session', 'u')).toEqual({ payload: { n: 2 } })
      await store.records.destroy('Session', 'old')
      expect(await store.records.findByUid('Session', 'u')).toEqual({ payload: { n: 2 } })
    }),
  )

  test(
    'a uid of a record that has another one by now leads nowhere',
    staged(async ({ store, tampered }) => {
      await store.records.put('Session', 'a', { n: 1 }, 60_000, { uid: 'first' })
      await store.records.put('Session', 'a', { n: 2 }, 60_000, { uid: 'second' })
      expect(await store.records.findByUid('Session', 'first')).toBeUndefined()
      expect(await store.records.findByUid('Session', 'second')).toEqual({ payload: { n: 2 } })
      expect(tampered).toEqual([])
    }),
  )

  test(
    'a destroyed record is gone by every way, and destroying it again is no fault',
    staged(async ({ store }) => {
      await store.records.put('Session', 'a', { n: 1 }, 60_000, { uid: 'u' })
      await store.records.destroy('Session', 'a')
      await store.records.destroy('Session', 'a')
      expect(await store.records.find('Session', 'a')).toBeUndefined()
      expect(await store.records.findByUid('Session', 'u')).toBeUndefined()
    }),
  )

  test(
    'revoking a grant destroys its records of every model and no others, twice as well as once',
    staged(async ({ store }) => {
      await store.records.put('Grant', 'g', {}, 60_000, { grantId: 'g' })
      await store.records.put('AuthorizationCode', 'a', {}, 60_000, { grantId: 'g' })
      await store.records.put('RefreshToken', 'r', {}, undefined, { grantId: 'g' })
      await store.records.put('RefreshToken', 'other', {}, 60_000, { grantId: 'h' })
      await store.records.put('RefreshToken', 'none', {}, 60_000)
      await store.deviceCodes.create('d', {}, 60_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      await store.deviceCodes.update('d', {}, { userCode: 'BBBBBBBB', phase: 'decided', owner: 'o', grantId: 'g' })

      for (let time = 0; time < 2; time += 1) {
        await store.records.revokeByGrant('g')
        expect(await store.records.find('Grant', 'g')).toBeUndefined()
        expect(await store.records.find('AuthorizationCode', 'a')).toBeUndefined()
        expect(await store.records.find('RefreshToken', 'r')).toBeUndefined()
        expect(await store.records.find('DeviceCode', 'd')).toBeUndefined()
        expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toBeUndefined()
        expect(await store.records.find('RefreshToken', 'other')).toBeDefined()
        expect(await store.records.find('RefreshToken', 'none')).toBeDefined()
      }
      await store.records.revokeByGrant('never heard of')
    }),
  )

  test(
    'a record that moved to another grant goes with that one',
    staged(async ({ store }) => {
      await store.records.put('Session', 'a', {}, 60_000, { grantId: 'g' })
      await store.records.put('Session', 'a', {}, 60_000, { grantId: 'h' })
      await store.records.revokeByGrant('g')
      expect(await store.records.find('Session', 'a')).toBeDefined()
      await store.records.revokeByGrant('h')
      expect(await store.records.find('Session', 'a')).toBeUndefined()
    }),
  )

  test(
    'a consumed record says when, at once and from then on',
    staged(async ({ store, elapse }) => {
      await store.records.put('AuthorizationCode', 'a', { n: 1 }, 60_000, { uid: 'u' })
      await store.records.consume('AuthorizationCode', 'a')
      const consumedAt = expect.any(Number)
      expect(await store.records.find('AuthorizationCode', 'a')).toEqual({ payload: { n: 1 }, consumedAt })
      expect(await store.records.findByUid('AuthorizationCode', 'u')).toEqual({ payload: { n: 1 }, consumedAt })

      const at = (await store.records.find('AuthorizationCode', 'a'))?.consumedAt ?? 0
      await elapse(10_000)
      await store.records.put('AuthorizationCode', 'a', { n: 2 }, 60_000)
      await expect(store.records.consume('AuthorizationCode', 'a')).rejects.toThrow(AlreadyConsumedError)
      const record = await store.records.find('AuthorizationCode', 'a')
      expect(record).toEqual({ payload: { n: 2 }, consumedAt })
      expect(Math.abs((record?.consumedAt ?? 0) - at)).toBeLessThan(1_000)
    }),
  )

  test(
    'what is not there cannot be consumed, and trying does not make it',
    staged(async ({ store }) => {
      await store.records.put('RefreshToken', 'destroyed', {}, 60_000)
      await store.records.destroy('RefreshToken', 'destroyed')
      await store.records.put('RefreshToken', 'revoked', {}, 60_000, { grantId: 'g' })
      await store.records.revokeByGrant('g')
      for (const id of ['destroyed', 'revoked', 'never there']) {
        await expect(store.records.consume('RefreshToken', id)).rejects.toThrow(AlreadyConsumedError)
        expect(await store.records.find('RefreshToken', id)).toBeUndefined()
      }
    }),
  )

  verifies(
    ['T11', 'D10'],
    'of twenty who consume a record at once exactly one succeeds',
    staged(async ({ store, stores }) => {
      for (const model of ['AuthorizationCode', 'RefreshToken', 'DeviceCode']) {
        for (let round = 0; round < 10; round += 1) {
          const id = `${model}-${round}`
          const write = { userCode: `BBBBBBB${round}`, phase: 'pending' } as const
          if (model === 'DeviceCode') await store.deviceCodes.create(id, {}, 60_000, write)
          else await store.records.put(model, id, {}, 60_000)
          const { won, lost } = await race(20, stores, (each) => each.records.consume(model, id))
          expect(won).toHaveLength(1)
          expect(lost.every((error) => error instanceof AlreadyConsumedError)).toBe(true)
        }
      }
    }),
  )

  verifies(
    'T10',
    'a late consume does not bring back a code that was destroyed meanwhile',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < 10; round += 1) {
        const id = `code-${round}`
        await store.records.put('AuthorizationCode', id, {}, 60_000, { grantId: 'g' })
        await race(20, stores, (each, index) =>
          index === 7 ? each.records.revokeByGrant('g') : each.records.consume('AuthorizationCode', id),
        )
        expect(await store.records.find('AuthorizationCode', id)).toBeUndefined()
      }
    }),
  )

  test(
    'device codes cannot be put past the compare-and-set',
    staged(async ({ store }) => {
      await expect(store.records.put('DeviceCode', 'd', {}, 60_000)).rejects.toThrow(TypeError)
      await expect(store.records.create('DeviceCode', 'd', {}, 60_000)).rejects.toThrow(TypeError)
    }),
  )
}
