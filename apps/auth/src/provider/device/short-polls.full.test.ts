// Thousands of polls on each store.
import { randomUUID } from 'node:crypto'
import { startTestRedis, verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { type Counts, comparePolls, type Place } from './suites/equal-polls.ts'
import { openFilePlace, openRedisPlace } from './suites/places.ts'

const minutes = 60_000
const held = (place: Place): Place => ({
  ...place,
  options: { ...place.options, environment: { AUTH_HOLD_SECONDS: '0.02' } },
})

/** Each kind of answer that thousands of polls have was among them, and the short way was taken often. */
function expectMuch({ answers, short, polls }: Counts): void {
  const common = ['authorization_pending', 'slow_down', 'invalid_grant', 'invalid_request']
  const rare = polls < 1_000 ? [] : ['expired_token']
  expect(Object.keys(answers)).toEqual(expect.arrayContaining([...common, ...rare].map((error) => `400 ${error}`)))
  expect(short).toBeGreaterThan(polls / 40)
}

verifies(
  ['D4', 'D5', 'D6', 'D7', 'D8', 'D9'],
  'thousands of polls are answered, logged, counted and kept as the engine does: SQLite',
  async () => {
    for (const [seed, polls, change] of [
      [11, 2_000, (place: Place) => place],
      [12, 400, held],
    ] as const) {
      using first = openFilePlace()
      using second = openFilePlace()
      expectMuch(await comparePolls({ seed, polls, step: 0, places: [change(first), change(second)] }))
    }
  },
  10 * minutes,
)

verifies(
  ['D4', 'D5', 'D6', 'D7', 'D8', 'D9'],
  'thousands of polls are answered, logged, counted and kept as the engine does: Redis',
  async () => {
    await using redis = await startTestRedis()
    for (const [seed, polls, change] of [
      [21, 1_500, (place: Place) => place],
      [22, 300, held],
    ] as const) {
      await using first = openRedisPlace(redis.url, `auth:test-${randomUUID()}:`)
      await using second = openRedisPlace(redis.url, `auth:test-${randomUUID()}:`)
      expectMuch(await comparePolls({ seed, polls, step: 1, places: [change(first), change(second)] }))
    }
  },
  10 * minutes,
)
