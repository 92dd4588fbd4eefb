import { expect, test } from 'vitest'
import { boundGarbage, collectGarbage, releaseAfterStart } from './heap.ts'

test.each([
  { given: ['--enable-source-maps'], flags: ['--heap-growing-percent=50'] },
  { given: ['--heap-growing-percent=200'], flags: [] },
  { given: ['--heap_growing_percent=200'], flags: [] },
])('garbage is bounded, unless somebody says by how much: $given', ({ given, flags }) => {
  const set: string[] = []
  boundGarbage(given, (flag) => set.push(flag))
  expect(set).toEqual(flags)
})

test('what nothing holds any more is gone after a collection', async () => {
  const dropped = new WeakRef({ only: 'here' })
  // a reference that was read stays until the turn of the loop is over
  await new Promise((resolve) => setImmediate(resolve))
  await collectGarbage()
  expect(dropped.deref()).toBeUndefined()
})

test('a process that has started collects once, and one that cannot goes on', async () => {
  let collected = 0
  const collect = async () => {
    collected += 1
    throw new Error('not permitted')
  }
  await releaseAfterStart(collect, 1)
  expect(collected).toBe(1)
})
