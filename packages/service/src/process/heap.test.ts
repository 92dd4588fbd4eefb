import { expect, test } from 'vitest'
import { boundGarbage } from './heap.ts'

test.each([
  { given: ['--enable-source-maps'], flags: ['--heap-growing-percent=50'] },
  { given: ['--heap-growing-percent=200'], flags: [] },
  { given: ['--heap_growing_percent=200'], flags: [] },
])('garbage is bounded, unless somebody says by how much: $given', ({ given, flags }) => {
  const set: string[] = []
  boundGarbage(given, (flag) => set.push(flag))
  expect(set).toEqual(flags)
})
