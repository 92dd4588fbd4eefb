import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { boundedLife, createPace } from './pace.ts'

verifies(
  'K4',
  'whatever interval the server names, the client asks neither more than once a second nor less than once a minute',
  () => {
    const delays = [5, 1, 0, -1, 0.001, 1e9, Number.NaN, Number.POSITIVE_INFINITY, undefined, null, '3'].map(
      (interval) => createPace(interval).delay(),
    )
    expect(delays).toEqual([5, 1, 5, 5, 1, 60, 5, 60, 5, 5, 5])
  },
)

verifies('K4', 'each slow_down adds five seconds for good, up to a minute', () => {
  const pace = createPace(1)
  pace.slowDown()
  expect(pace.delay()).toBe(6)
  pace.answered()
  expect(pace.delay()).toBe(6)
  for (let times = 0; times < 1000; times += 1) pace.slowDown()
  expect(pace.delay()).toBe(60)
})

verifies('K4', 'without an answer the wait doubles each time, up to a minute, and is over with the next answer', () => {
  const pace = createPace(5)
  const delays = Array.from({ length: 6 }, () => {
    pace.failed()
    return pace.delay()
  })
  expect(delays).toEqual([10, 20, 40, 60, 60, 60])
  pace.answered()
  expect(pace.delay()).toBe(5)
})

test('a server that names a time to come back is not asked sooner, within reason', () => {
  const pace = createPace(1)
  pace.failed(30)
  expect(pace.delay()).toBe(30)
  pace.failed(1e9)
  expect(pace.delay()).toBe(60)
})

verifies('K4', 'a code is waited for as long as the server says, but half an hour at most', () => {
  expect([boundedLife(600), boundedLife(1e9)]).toEqual([600, 1800])
})
