import { expect, test } from 'vitest'
import { createShares } from './shares.ts'

test('one caller leaves a quarter to others, and gets it back once', () => {
  const shares = createShares(8)
  const taken = Array.from({ length: 8 }, () => shares.take('eve'))
  expect(taken.filter((give) => give !== undefined)).toHaveLength(6)
  const theirs = shares.take('ada')
  expect(theirs).toBeDefined()
  expect(shares.take('bob')).toBeDefined()
  expect(shares.take('cy'), 'there is no more').toBeUndefined()
  theirs?.()
  theirs?.()
  expect(shares.take('eve')).toBeUndefined()
  expect(shares.take('cy')).toBeDefined()
  expect(shares.take('dan')).toBeUndefined()
})

test('of few there is no quarter to keep', () => {
  const shares = createShares(2)
  expect([shares.take('ada'), shares.take('ada'), shares.take('ada')].map((give) => give !== undefined)).toEqual([
    true,
    true,
    false,
  ])
})

test('one caller has so many at most, and room is made only where it helps', () => {
  const shares = createShares(100, 2)
  expect([1, 2, 3].map(() => shares.take('eve') !== undefined)).toEqual([true, true, false])
  expect(shares.fits('eve', 'ada')).toBe(false)
  expect(shares.fits('eve', 'eve')).toBe(true)
})
