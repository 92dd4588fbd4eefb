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
        expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
        await elapse(interval)
      }
    }),
  )

  test(
    'half a second too early is forgiven, more is not',
    withCode(async ({ store, elapse, precision }) => {
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      await elapse(interval - 500)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      await elapse(interval - 500 - precision)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('early')
    }),
  )

  test(
    'each early poll adds five seconds for good',
    withCode(async ({ store, elapse }) => {
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('early')
      await elapse(interval + 5_000)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      await elapse(interval)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('early')
      await elapse(interval + 10_000)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      await elapse(interval + 10_000)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
    }),
  )

  test(
    'the pace of one code is nothing to another',
    withCode(async ({ store }) => {
      await store.deviceCodes.create('other', {}, 600_000, { userCode: 'CCCCCCCC', phase: 'pending' })
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('early')
      expect(await store.deviceCodes.poll('other', interval, 0)).toBe('undecided')
    }),
  )

  test(
    'the pace survives what happens to the code, and a poll changes nothing else',
    withCode(async ({ store }) => {
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('undecided')
      const write = { userCode: 'BBBBBBBB', phase: 'in_flight', owner: 'alice' } as const
      await store.deviceCodes.update('d', { n: 2 }, write)
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('early')
      expect(await store.records.find('DeviceCode', 'd')).toEqual({ payload: { n: 2 } })
      await store.records.consume('DeviceCode', 'd')
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('early')
    }),
  )

  test(
    'polling for what is not there is never too early and does not make it',
    withCode(async ({ store }) => {
      expect(await store.deviceCodes.poll('never there', interval, 0)).toBe('undecided')
      expect(await store.deviceCodes.poll('never there', interval, 0)).toBe('undecided')
      expect(await store.records.find('DeviceCode', 'never there')).toBeUndefined()
    }),
  )

  test(
    'while a poll is held every other one is early, whatever the interval, and does not end the hold',
    withCode(async ({ stores, elapse, precision }) => {
      const [first, second = first] = [...stores]
      expect(await first.deviceCodes.poll('d', 1_000, 20_000)).toBe('undecided')
      await elapse(10_000)
      expect(await second.deviceCodes.poll('d', 1_000, 20_000)).toBe('early')
      await elapse(10_000 - precision)
      expect(await first.deviceCodes.poll('d', 1_000, 20_000)).toBe('early')
      expect(await first.deviceCodes.endPoll('d')).toBe('undecided')
      await elapse(1_000)
      expect(await second.deviceCodes.poll('d', 1_000, 20_000)).toBe('undecided')
    }),
  )

  test(
    'a poll while one is held slows the code down, too',
    withCode(async ({ store, elapse, precision }) => {
      expect(await store.deviceCodes.poll('d', 1_000, 6_000)).toBe('undecided')
      for (let poll = 0; poll < 2; poll += 1) expect(await store.deviceCodes.poll('d', 1_000, 6_000)).toBe('early')
      await elapse(6_000)
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      // ten seconds and the interval after the poll that was held, rather than the interval after its end
      await elapse(4_500 - precision)
      expect(await store.deviceCodes.poll('d', 1_000, 6_000)).toBe('early')
      await elapse(15_000 + 1_000)
      expect(await store.deviceCodes.poll('d', 1_000, 6_000)).toBe('undecided')
    }),
  )

  test(
    'the pace of a held poll counts from its end',
    withCode(async ({ store, elapse, precision }) => {
      expect(await store.deviceCodes.poll('d', interval, 20_000)).toBe('undecided')
      await elapse(15_000)
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      await elapse(interval - 500 - precision)
      expect(await store.deviceCodes.poll('d', interval, 20_000)).toBe('early')
      await elapse(interval + 5_000)
      expect(await store.deviceCodes.poll('d', interval, 20_000)).toBe('undecided')
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      await elapse(interval + 5_000)
      expect(await store.deviceCodes.poll('d', interval, 20_000)).toBe('undecided')
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      expect(await store.deviceCodes.poll('d', interval, 20_000)).toBe('early')
    }),
  )

  test(
    'what slows a code down counts from the beginning of a held poll, as the clock of some clients does',
    withCode(async ({ store, elapse, precision }) => {
      expect(await store.deviceCodes.poll('d', 1_000, 4_500)).toBe('undecided')
      await elapse(4_500)
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      expect(await store.deviceCodes.poll('d', 1_000, 4_500), 'with the answer').toBe('early')
      for (let round = 0; round < 3; round += 1) {
        await elapse(round === 0 ? 6_000 : 1_500)
        expect(await store.deviceCodes.poll('d', 1_000, 4_500), 'six seconds after the one before').toBe('undecided')
        await elapse(4_500)
        expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      }
      await elapse(1_500)
      expect(await store.deviceCodes.poll('d', 1_000, 1_500)).toBe('undecided')
      await elapse(1_500)
      expect(await store.deviceCodes.endPoll('d')).toBe('undecided')
      await elapse(4_000 - precision)
      expect(await store.deviceCodes.poll('d', 1_000, 4_500), 'less than that').toBe('early')
    }),
  )

  test(
    'a hold that nobody ended, as its process died, is over when it was to be',
    withCode(async ({ store, elapse, precision }) => {
      expect(await store.deviceCodes.poll('d', interval, 4_500)).toBe('undecided')
      await elapse(4_500 + interval - 500 - precision)
      expect(await store.deviceCodes.poll('d', interval, 4_500), 'paced from then on').toBe('early')
      await elapse(4_500 + interval + 5_000 + precision)
      expect(await store.deviceCodes.poll('d', interval, 4_500)).toBe('undecided')
    }),
  )

  test(
    'a code that is decided is never early, and the end of a poll says so too',
    withCode(async ({ store }) => {
      expect(await store.deviceCodes.poll('d', interval, 4_500)).toBe('undecided')
      await store.deviceCodes.update('d', {}, { userCode: 'BBBBBBBB', phase: 'decided', owner: 'alice' })
      expect(await store.deviceCodes.poll('d', interval, 4_500)).toBe('decided')
      expect(await store.deviceCodes.endPoll('d')).toBe('decided')
      expect(await store.deviceCodes.poll('d', interval, 0)).toBe('decided')
    }),
  )

  test(
    'the end of a poll does not make a code',
    withCode(async ({ store }) => {
      expect(await store.deviceCodes.endPoll('never there')).toBe('undecided')
      const write = { userCode: 'CCCCCCCC', phase: 'pending' } as const
      await store.deviceCodes.create('never there', { n: 1 }, 600_000, write)
      expect(await store.records.find('DeviceCode', 'never there')).toEqual({ payload: { n: 1 } })
    }),
  )

  test(
    'a stamped poll is as another one, and says of what the code is by now nothing but that it moved',
    withCode(async ({ stores, elapse }) => {
      const [first, second = first] = [...stores]
      const stampOf = async () => (await second.deviceCodes.findStamped('d'))?.stamp ?? ''
      const poll = (stamp: string, hold = 0) => first.deviceCodes.pollStamped('d', stamp, interval, hold)
      const before = await stampOf()
      expect(before).toBe((await first.deviceCodes.findStamped('d'))?.stamp)
      expect(await poll(before)).toBe('undecided')
      expect(await second.deviceCodes.poll('d', interval, 0), 'it was noted').toBe('early')
      expect(await poll(before)).toBe('early')
      await elapse(interval + 10_000)
      expect(await poll(before, 20_000)).toBe('undecided')
      expect(await poll(before), 'while one is held').toBe('early')
      await second.deviceCodes.endPoll('d')

      await elapse(interval + 15_000)
      const write = { userCode: 'BBBBBBBB', owner: 'alice' } as const
      await second.deviceCodes.update('d', {}, { ...write, phase: 'in_flight' })
      expect(await poll(before)).toBe('moved')
      expect(await second.deviceCodes.poll('d', interval, 0), 'nothing was noted').toBe('undecided')
      await elapse(interval + 15_000)
      expect(await poll(await stampOf()), 'read again').toBe('undecided')

      const inFlight = await stampOf()
      await second.deviceCodes.update('d', {}, { ...write, phase: 'decided' })
      expect(await poll(inFlight)).toBe('moved')
      expect(await poll(await stampOf())).toBe('decided')
      await second.records.destroy('DeviceCode', 'd')
      expect(await poll(inFlight)).toBe('moved')
      expect(await second.deviceCodes.findStamped('d')).toBeUndefined()
    }),
  )

  test(
    'who watches a code hears of its decision, by whichever process, and of no other code',
    withCode(async ({ store, stores }) => {
      await store.deviceCodes.create('other', {}, 600_000, { userCode: 'CCCCCCCC', phase: 'pending' })
      const heard = { d: 0, other: 0, stopped: 0 }
      const count = (which: keyof typeof heard) => () => {
        heard[which] += 1
      }
      const unwatch = [store.deviceCodes.watch('d', count('d')), store.deviceCodes.watch('other', count('other'))]
      store.deviceCodes.watch('d', count('stopped'))()
      // where a connection is made for it, the first news is that it is there
      if (stores.length > 1) await expect.poll(() => heard).toEqual({ d: 1, other: 1, stopped: 0 })
      const before = { ...heard }
      const write = { userCode: 'BBBBBBBB', owner: 'alice' } as const
      const decider = stores.at(-1) ?? store
      await decider.deviceCodes.update('d', {}, { ...write, phase: 'in_flight' })
      await decider.deviceCodes.update('d', {}, { ...write, phase: 'decided' })
      await expect.poll(() => heard).toEqual({ ...before, d: before.d + 1 })
      for (const stop of unwatch) stop()
    }),
  )
}
