import { expect, test } from 'vitest'
import { race, type Staged } from './scene.ts'

/** Not more than expected, and less by what the harness may be late alone. */
const about = (expected: number, precision: number) =>
  expect.toSatisfy((rest: number) => rest <= expected && rest > expected - precision)

export function describeAttempts(staged: Staged): void {
  test(
    'of twenty attempts at once exactly as many are allowed as the limit says',
    staged(async ({ stores }) => {
      for (let round = 0; round < 10; round += 1) {
        const { won } = await race(20, stores, (each) => each.attempts.take(`a-${round}`, 5, 60_000))
        expect(won).toHaveLength(20)
        expect(won.filter(({ allowed }) => allowed)).toHaveLength(5)
      }
    }),
  )

  test(
    'a window begins with its first attempt and ends for all of them together',
    staged(async ({ store, elapse, precision }) => {
      expect(await store.attempts.take('a', 2, 60_000)).toEqual({ allowed: true, retryAfter: 60_000 })
      await elapse(40_000)
      expect(await store.attempts.take('a', 2, 60_000)).toEqual({ allowed: true, retryAfter: about(20_000, precision) })
      expect(await store.attempts.take('a', 2, 60_000)).toEqual({
        allowed: false,
        retryAfter: about(20_000, precision),
      })
      await elapse(20_000 - precision)
      expect(await store.attempts.take('a', 2, 60_000)).toEqual({
        allowed: false,
        retryAfter: about(precision, precision),
      })
      await elapse(2 * precision)
      expect(await store.attempts.take('a', 2, 60_000)).toEqual({ allowed: true, retryAfter: 60_000 })
      expect(await store.attempts.take('a', 2, 60_000)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 2, 60_000)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'names are counted apart',
    staged(async ({ store }) => {
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('b', 1, 60_000)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'an attempt that was given back can be taken again',
    staged(async ({ store }) => {
      await store.attempts.take('a', 1, 60_000)
      await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'no more can be given back than was taken',
    staged(async ({ store, elapse }) => {
      await store.attempts.giveBack('a')
      await store.attempts.take('a', 1, 60_000)
      for (let times = 0; times < 3; times += 1) await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: false })
      await elapse(62_000)
      await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60_000)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'giving back does not prolong the window',
    staged(async ({ store, elapse, precision }) => {
      await store.attempts.take('a', 1, 60_000)
      await elapse(60_000 - precision)
      await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60_000)).toEqual({
        allowed: true,
        retryAfter: about(precision, precision),
      })
      await elapse(2 * precision)
      expect(await store.attempts.take('a', 1, 60_000)).toEqual({ allowed: true, retryAfter: 60_000 })
    }),
  )
}
