import { expect, test } from 'vitest'
import type { Scene, Staged } from './scene.ts'

const interval = 5_000

export function describePolls(staged: Staged): void {
  const withCode = (run: (scene: Scene) => Promise<void>) =>
    staged(async (scene) => {
      await scene.store.deviceCodes.create('d', {}, 600_000, { userCode: 'BBBBBBBB', phase: 'pending' })
      await run(scene)
    })

  test(
    'the first poll is never too early, and those at the interval are not',
    withCode(async ({ store, elapse }) => {
      for (let poll = 0; poll < 5; poll += 1) {
        expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
        await elapse(interval)
      }
    }),
  )

  test(
    'half a second too early is forgiven, more is not',
    withCode(async ({ store, elapse, precision }) => {
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
      await elapse(interval - 500)
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
      await elapse(interval - 500 - precision)
      expect(await store.deviceCodes.poll('d', interval)).toBe('slow_down')
    }),
  )

  test(
    'each early poll adds five seconds for good',
    withCode(async ({ store, elapse }) => {
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
      expect(await store.deviceCodes.poll('d', interval)).toBe('slow_down')
      await elapse(interval + 5_000)
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
      await elapse(interval)
      expect(await store.deviceCodes.poll('d', interval)).toBe('slow_down')
      await elapse(interval + 10_000)
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
      await elapse(interval + 10_000)
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
    }),
  )

  test(
    'the pace of one code is nothing to another',
    withCode(async ({ store }) => {
      await store.deviceCodes.create('other', {}, 600_000, { userCode: 'CCCCCCCC', phase: 'pending' })
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
      expect(await store.deviceCodes.poll('d', interval)).toBe('slow_down')
      expect(await store.deviceCodes.poll('other', interval)).toBe('ok')
    }),
  )

  test(
    'the pace survives what happens to the code, and a poll changes nothing else',
    withCode(async ({ store }) => {
      expect(await store.deviceCodes.poll('d', interval)).toBe('ok')
      const write = { userCode: 'BBBBBBBB', phase: 'in_flight', owner: 'alice' } as const
      await store.deviceCodes.update('d', { n: 2 }, write)
      expect(await store.deviceCodes.poll('d', interval)).toBe('slow_down')
      expect(await store.records.find('DeviceCode', 'd')).toEqual({ payload: { n: 2 } })
      await store.records.consume('DeviceCode', 'd')
      expect(await store.deviceCodes.poll('d', interval)).toBe('slow_down')
    }),
  )

  test(
    'polling for what is not there is never too early and does not make it',
    withCode(async ({ store }) => {
      expect(await store.deviceCodes.poll('never there', interval)).toBe('ok')
      expect(await store.deviceCodes.poll('never there', interval)).toBe('ok')
      expect(await store.records.find('DeviceCode', 'never there')).toBeUndefined()
    }),
  )
}
