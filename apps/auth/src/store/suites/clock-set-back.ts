// The clock that a store goes by is set back by an hour, as when a machine gets the right time after it started.
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { AlreadyConsumedError } from '../../errors.ts'
import type { Staged } from './scene.ts'

const hour = 3_600_000
const interval = 5_000

export function describeClockSetBack(staged: Staged): void {
  verifies(
    'X22',
    'ends nothing early, and what was written before and after lives at least as long as it should',
    staged(async ({ store, elapse, precision }) => {
      await store.records.put('Session', 'before', { n: 1 }, 60_000, { uid: 'u', grantId: 'g' })
      await store.deviceCodes.create('d', { n: 1 }, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      await elapse(-hour)
      await store.records.put('Session', 'after', { n: 2 }, 60_000)
      await elapse(60_000 - precision)
      expect(await store.records.findByUid('Session', 'u')).toEqual({ payload: { n: 1 } })
      expect(await store.records.find('Session', 'after')).toEqual({ payload: { n: 2 } })
      expect(await store.deviceCodes.findByUserCode('BBBBBBBB')).toMatchObject({ phase: 'pending' })
      await store.records.consume('Session', 'after')
      await store.records.consume('DeviceCode', 'd')
      await store.records.revokeByGrant('g')
      expect(await store.records.find('Session', 'before')).toBeUndefined()
    }),
  )

  verifies(
    'X22',
    'what was used stays used',
    staged(async ({ store, elapse }) => {
      await store.records.put('RefreshToken', 'a', {}, 600_000)
      await store.records.consume('RefreshToken', 'a')
      await elapse(-hour)
      expect((await store.records.find('RefreshToken', 'a'))?.consumedAt).toEqual(expect.any(Number))
      await expect(store.records.consume('RefreshToken', 'a')).rejects.toThrow(AlreadyConsumedError)
    }),
  )

  verifies(
    'X22',
    'does not make a device that keeps its pace too fast',
    staged(async ({ store, elapse }) => {
      await store.deviceCodes.create('d', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      await elapse(interval - hour)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      expect(await store.deviceCodes.poll('d', interval, 0), 'too fast is too fast').toBe('early')
      await elapse(interval + 5_000)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
    }),
  )

  verifies(
    'X22',
    'leaves no code held for longer than a poll may be',
    staged(async ({ store, elapse }) => {
      await store.deviceCodes.create('d', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      expect(await store.deviceCodes.poll('d', interval, 30_000)).toBe('undecided')
      await elapse(-hour)
      expect(await store.deviceCodes.poll('d', interval, 30_000)).toBe('undecided')
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      await elapse(interval)
      expect(await store.deviceCodes.poll('d', interval, 30_000)).toBe('undecided')
    }),
  )

  verifies(
    'X22',
    'takes no poll that was answered for one that is held, by however little it was set back',
    staged(async ({ store, elapse }) => {
      await store.deviceCodes.create('d', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      expect(await store.deviceCodes.poll('d', 1_000, 4_500)).toBe('undecided')
      await elapse(4_500)
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      await elapse(1_000 - 10_000)
      expect(await store.deviceCodes.poll('d', 1_000, 4_500)).toBe('undecided')
    }),
  )

  verifies(
    'X22',
    'keeps nobody out for longer than the window',
    staged(async ({ store, elapse, precision }) => {
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: true })
      await elapse(-hour)
      const { allowed, retryAfter } = await store.attempts.take('a', 1, 60_000)
      expect(allowed, 'nor lets anybody in').toBe(false)
      expect(retryAfter).toBeGreaterThan(0)
      expect(retryAfter).toBeLessThanOrEqual(60_000)
      await elapse(60_000 + precision)
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: true })
    }),
  )
}
