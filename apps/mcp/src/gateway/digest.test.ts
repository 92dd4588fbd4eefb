import { expect, test, vi } from 'vitest'
import { createDigests, digest } from './digest.ts'

const values = [
  [],
  {},
  [[]],
  { entries: [] },
  [null],
  { a: 1, b: 2 },
  { b: 2, a: 1 },
  { a: { b: 2 } },
  ['a', 1],
  'a',
  { long: 'x'.repeat(5_000) },
]

test('equal values have one digest, whatever the order of their members, and others have another', () => {
  expect(digest({ b: 2, a: 1 })).toBe(digest({ a: 1, b: 2 }))
  expect(new Set(values.map(digest)).size).toBe(values.length - 1)
})

test('digests that are remembered are those that are made', () => {
  const remembered = createDigests(3)
  for (const value of [...values, ...values, ...values.toReversed()]) expect(remembered(value)).toBe(digest(value))
})

test('short values are digested once for as long as they are among the last that came', () => {
  const make = vi.fn(digest)
  const remembered = createDigests(2, make)
  const timesFor = (value: unknown) => {
    make.mockClear()
    remembered(value)
    return make.mock.calls.length
  }
  expect([timesFor(['a']), timesFor(['a']), timesFor(['b']), timesFor(['a'])]).toEqual([1, 0, 1, 0])
  expect([timesFor(['c']), timesFor(['a']), timesFor(['b'])]).toEqual([1, 0, 1])
  const long = 'x'.repeat(5_000)
  expect([timesFor(long), timesFor(long)]).toEqual([1, 1])
})
