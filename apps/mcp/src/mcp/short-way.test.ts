// The short way of a request that stands alone answers, logs, notes and counts as the long way does: see harness/two-ways.ts. Many
// more requests are in short-way.full.test.ts.
import { expect, test } from 'vitest'
import { askSource } from '../harness/asked-of-both.ts'

test('each of 100 generated requests to a source is answered on the short way as on the long way', async () => {
  const ran = await askSource({ count: 100, seed: 1 })
  expect(ran.short).toBeGreaterThan(20)
  expect(ran.mistaken).toBe(0)
})
