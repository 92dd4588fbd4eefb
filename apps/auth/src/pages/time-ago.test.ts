import { expect, test } from 'vitest'
import { timeAgo, timeToWait } from './time-ago.ts'

test.each([
  [-60, 'just now'],
  [0, 'just now'],
  [9, 'just now'],
  [10, '10 seconds ago'],
  [59.9, '59 seconds ago'],
  [60, '1 minute ago'],
  [125, '2 minutes ago'],
  [3600, '1 hour ago'],
  [86_400 * 2, '2 days ago'],
])('%d seconds are "%s"', (seconds, words) => {
  expect(timeAgo(1_000_000_000, 1_000_000_000 + seconds * 1000)).toBe(words)
})

test.each([
  [0, '1 second'],
  [20.2, '21 seconds'],
  [60, '1 minute'],
  [61, '2 minutes'],
])('a wait of %d seconds is "%s", never too short', (seconds, words) => {
  expect(timeToWait(seconds)).toBe(words)
})
