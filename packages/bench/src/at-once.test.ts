import { expect, test } from 'vitest'
import { forEach } from './at-once.ts'

test('each is done once, in order, so many at a time', async () => {
  const done: number[] = []
  let running = 0
  let most = 0
  await forEach(Array(10).keys(), 3, async (number) => {
    running += 1
    most = Math.max(most, running)
    done.push(number)
    await Promise.resolve()
    running -= 1
  })
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(most).toBe(3)
})
