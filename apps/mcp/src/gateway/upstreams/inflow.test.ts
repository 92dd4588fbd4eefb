import { expect, test } from 'vitest'
import { createInflow } from './inflow.ts'

/** Whether it was taken at once; else what says so later. */
function outcome(taken: Promise<void> | undefined): { done: boolean } {
  const state = { done: taken === undefined }
  void taken?.then(() => {
    state.done = true
  })
  return state
}

test('what does not fit waits for a message to be whole', async () => {
  const inflow = createInflow(10)
  const [one, other] = [inflow.open(), inflow.open()]
  expect(outcome(one.take(8)).done).toBe(true)
  const waiting = outcome(other.take(3))
  expect(waiting.done).toBe(false)
  one.done()
  await expect.poll(() => waiting.done).toBe(true)
})

test('the message that began first goes on, so that not all wait for one another', async () => {
  const inflow = createInflow(10)
  const [first, second, third] = [inflow.open(), inflow.open(), inflow.open()]
  for (const one of [first, second]) expect(outcome(one.take(5)).done).toBe(true)
  const later = [outcome(second.take(1)), outcome(third.take(1))]
  expect(outcome(first.take(100)).done).toBe(true)
  expect(later.map(({ done }) => done)).toEqual([false, false])
  first.done()
  await expect.poll(() => later.map(({ done }) => done)).toEqual([true, true])
})

test('one that ends without being whole gives its room back', async () => {
  const inflow = createInflow(10)
  const [first, second] = [inflow.open(), inflow.open()]
  void first.take(10)
  const waiting = outcome(second.take(10))
  first.done()
  first.done()
  await expect.poll(() => waiting.done).toBe(true)
  expect(outcome(inflow.open().take(1)).done).toBe(false)
})

test('one that ended while it waited takes nothing later', async () => {
  const inflow = createInflow(100)
  const [first, second, third] = [inflow.open(), inflow.open(), inflow.open()]
  void first.take(90)
  const waiting = outcome(second.take(50))
  second.done()
  await expect.poll(() => waiting.done).toBe(true)
  first.done()
  expect(outcome(third.take(60)).done).toBe(true)
  expect(outcome(inflow.open().take(60)).done).toBe(false)
})
