import { expect, test } from 'vitest'
import { AlreadyConsumedError } from '../../errors.ts'
import type { Staged } from './scene.ts'

/** How long a record can be read after it expired. */
const grace = 120_000

export function describeRecordLifetimes(staged: Staged): void {
  test(
    'a record is readable for 120 s past its expiry and never after',
    staged(async ({ store, elapse, precision }) => {
      await store.records.put('Session', 'a', { n: 1 }, 60_000, { uid: 'u' })
      await elapse(60_000 + grace - precision)
      expect(await store.records.find('Session', 'a')).toEqual({ payload: { n: 1 } })
      expect(await store.records.findByUid('Session', 'u')).toEqual({ payload: { n: 1 } })
      await elapse(2 * precision)
      expect(await store.records.find('Session', 'a')).toBeUndefined()
      expect(await store.records.findByUid('Session', 'u')).toBeUndefined()
    }),
  )

  test(
    'a record tells how long it lives yet, and that it lives for ever',
    staged(async ({ store, elapse, precision }) => {
      await store.records.put('Account', 'a', { n: 1 }, 60_000)
      await store.records.put('Account', 'ever', { n: 2 }, undefined)
      await elapse(20_000)
      const { lastsFor, ...record } = (await store.records.findLasting('Account', 'a')) ?? { lastsFor: 0 }
      expect(record).toEqual({ payload: { n: 1 } })
      expect(Math.abs(lastsFor - 40_000)).toBeLessThan(2 * precision)
      const ever = { payload: { n: 2 }, lastsFor: Number.POSITIVE_INFINITY }
      expect(await store.records.findLasting('Account', 'ever')).toEqual(ever)
      await elapse(41_000)
      expect((await store.records.findLasting('Account', 'a'))?.lastsFor).toBeLessThanOrEqual(0)
      expect(await store.records.findLasting('Account', 'b')).toBeUndefined()
    }),
  )

  test(
    'a record can be consumed until it expires and not after',
    staged(async ({ store, elapse, precision }) => {
      await store.records.put('AuthorizationCode', 'in time', {}, 60_000)
      await store.records.put('AuthorizationCode', 'late', {}, 60_000)
      await elapse(60_000 - precision)
      await store.records.consume('AuthorizationCode', 'in time')
      await elapse(2 * precision)
      expect(await store.records.find('AuthorizationCode', 'late')).toEqual({ payload: {} })
      await expect(store.records.consume('AuthorizationCode', 'late')).rejects.toThrow(AlreadyConsumedError)
      expect((await store.records.find('AuthorizationCode', 'late'))?.consumedAt).toBeUndefined()
    }),
  )

  test(
    'consuming does not change how long a record is readable',
    staged(async ({ store, elapse, precision }) => {
      await store.records.put('AuthorizationCode', 'a', {}, 60_000)
      await elapse(50_000)
      await store.records.consume('AuthorizationCode', 'a')
      await elapse(10_000 + grace - precision)
      expect(await store.records.find('AuthorizationCode', 'a')).toBeDefined()
      await elapse(2 * precision)
      expect(await store.records.find('AuthorizationCode', 'a')).toBeUndefined()
    }),
  )

  test(
    'putting a record again gives it the new lifetime, longer or shorter',
    staged(async ({ store, elapse, precision }) => {
      await store.records.put('Session', 'longer', {}, 60_000, { uid: 'u' })
      await store.records.put('Session', 'shorter', {}, 600_000)
      await store.records.put('Session', 'limited', {}, undefined)
      await elapse(50_000)
      await store.records.put('Session', 'longer', {}, 600_000, { uid: 'u' })
      await store.records.put('Session', 'shorter', {}, 60_000)
      await store.records.put('Session', 'limited', {}, 60_000)
      await elapse(60_000 + grace + precision)
      expect(await store.records.find('Session', 'longer')).toBeDefined()
      expect(await store.records.findByUid('Session', 'u')).toBeDefined()
      expect(await store.records.find('Session', 'shorter')).toBeUndefined()
      expect(await store.records.find('Session', 'limited')).toBeUndefined()
    }),
  )

  test(
    'a record without a lifetime stays, and with it its uid and grant',
    staged(async ({ store, elapse }) => {
      const tenYears = 10 * 365 * 86_400_000
      await store.records.put('Client', 'a', {}, undefined, { uid: 'u', grantId: 'g' })
      await store.records.put('Client', 'b', {}, 60_000, { uid: 'v', grantId: 'g' })
      await store.records.put('Client', 'b', {}, undefined, { uid: 'v', grantId: 'g' })
      await elapse(tenYears)
      expect(await store.records.findByUid('Client', 'u')).toBeDefined()
      expect(await store.records.findByUid('Client', 'v')).toBeDefined()
      await store.records.consume('Client', 'a')
      await store.records.revokeByGrant('g')
      expect(await store.records.find('Client', 'a')).toBeUndefined()
      expect(await store.records.find('Client', 'b')).toBeUndefined()
    }),
  )

  test(
    'a grant still finds its long-lived records after its short-lived ones are gone',
    staged(async ({ store, elapse }) => {
      await store.records.put('RefreshToken', 'long', {}, 10_000_000, { grantId: 'g' })
      await store.records.put('AuthorizationCode', 'short', {}, 60_000, { grantId: 'g' })
      await elapse(60_000 + grace + 10_000)
      await store.records.put('AuthorizationCode', 'other', {}, 60_000, { grantId: 'g' })
      await elapse(5_000_000)
      await store.records.revokeByGrant('g')
      expect(await store.records.find('RefreshToken', 'long')).toBeUndefined()
    }),
  )

  test(
    'a record put where a consumed one was long ago is a new one',
    staged(async ({ store, elapse }) => {
      await store.records.put('AuthorizationCode', 'a', {}, 60_000)
      await store.records.consume('AuthorizationCode', 'a')
      await elapse(60_000 + grace + 2_000)
      await store.records.put('AuthorizationCode', 'a', { n: 2 }, 60_000)
      expect(await store.records.find('AuthorizationCode', 'a')).toEqual({ payload: { n: 2 } })
      await store.records.consume('AuthorizationCode', 'a')
    }),
  )

  test(
    'many records expire without taking the living ones along',
    staged(async ({ store, elapse }) => {
      const ids = Array.from({ length: 450 }, (_, index) => `id-${index}`)
      for (const id of ids) await store.records.put('Session', id, {}, 60_000)
      await store.records.put('Session', 'living', {}, 1_000_000)
      await elapse(60_000 + grace + 2_000)
      for (let writes = 0; writes < 5; writes += 1) await store.records.put('Session', 'living', {}, 1_000_000)
      for (const id of ids) expect(await store.records.find('Session', id)).toBeUndefined()
      expect(await store.records.find('Session', 'living')).toBeDefined()
    }),
  )
}
