import { expect, test } from 'vitest'
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
