import { expect, test } from 'vitest'
import { race, type Staged } from './scene.ts'

export function describeAttempts(staged: Staged): void {
  test(
    'of twenty attempts at once exactly as many are allowed as the limit says',
    staged(async ({ stores }) => {
      for (let round = 0; round < 10; round += 1) {
        const { won } = await race(20, stores, (each) => each.attempts.take(`a-${round}`, 5, 60))
        expect(won).toHaveLength(20)
        expect(won.filter(({ allowed }) => allowed)).toHaveLength(5)
      }
    }),
  )

  test(
    'a window begins with its first attempt and ends for all of them together',
    staged(async ({ store, elapse, precision }) => {
      expect(await store.attempts.take('a', 2, 60)).toEqual({ allowed: true, retryAfter: 60 })
      await elapse(40)
      expect(await store.attempts.take('a', 2, 60)).toEqual({ allowed: true, retryAfter: 20 })
      expect(await store.attempts.take('a', 2, 60)).toEqual({ allowed: false, retryAfter: 20 })
      await elapse(20 - precision)
      expect(await store.attempts.take('a', 2, 60)).toEqual({ allowed: false, retryAfter: Math.ceil(precision) })
      await elapse(2 * precision)
      expect(await store.attempts.take('a', 2, 60)).toEqual({ allowed: true, retryAfter: 60 })
      expect(await store.attempts.take('a', 2, 60)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 2, 60)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'names are counted apart',
    staged(async ({ store }) => {
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('b', 1, 60)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'an attempt that was given back can be taken again',
    staged(async ({ store }) => {
      await store.attempts.take('a', 1, 60)
      await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'no more can be given back than was taken',
    staged(async ({ store, elapse }) => {
      await store.attempts.giveBack('a')
      await store.attempts.take('a', 1, 60)
      for (let times = 0; times < 3; times += 1) await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: false })
      await elapse(62)
      await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: true })
      expect(await store.attempts.take('a', 1, 60)).toMatchObject({ allowed: false })
    }),
  )

  test(
    'giving back does not prolong the window',
    staged(async ({ store, elapse, precision }) => {
      await store.attempts.take('a', 1, 60)
      await elapse(60 - precision)
      await store.attempts.giveBack('a')
      expect(await store.attempts.take('a', 1, 60)).toEqual({ allowed: true, retryAfter: Math.ceil(precision) })
      await elapse(2 * precision)
      expect(await store.attempts.take('a', 1, 60)).toEqual({ allowed: true, retryAfter: 60 })
    }),
  )
}
