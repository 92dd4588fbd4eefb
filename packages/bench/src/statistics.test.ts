import { expect, test } from 'vitest'
import { compare, median, percentile, spread } from './statistics.ts'

test('the median is in the middle, whatever the order', () => {
  expect(median([9, 1, 5])).toBe(5)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
  expect(median([])).toBeNaN()
})

test('a percentile is one of the values', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect([0, 0.5, 0.95, 1].map((share) => percentile(hundred, share))).toEqual([1, 50, 95, 100])
  expect(percentile([3], 0.95)).toBe(3)
  expect(percentile([], 0.5)).toBeNaN()
})

test('a spread has the ends', () => {
  expect(spread([2, 9, 4])).toEqual({ median: 4, min: 2, max: 9 })
})

test('ratios are those of each round, not of the medians', () => {
  const rows = compare({ bare: [{ ms: 1 }, { ms: 10 }, { ms: 2 }], ours: [{ ms: 2 }, { ms: 10 }, { ms: 6 }] }, 'bare')
  expect(rows).toEqual([
    { of: 'bare', figures: { ms: { median: 2, min: 1, max: 10 }, '× ms': { median: 1, min: 1, max: 1 } } },
    { of: 'ours', figures: { ms: { median: 6, min: 2, max: 10 }, '× ms': { median: 2, min: 1, max: 3 } } },
  ])
})
