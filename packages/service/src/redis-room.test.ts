import { expect, test } from 'vitest'
import { StoreUnavailableError } from './errors.ts'
import { createRedisRoom, type RedisMemory, readRedisMemory } from './redis-room.ts'

const full = new Error('Redis is three quarters full: the rest is for logins')

function scene(...memory: RedisMemory[]) {
  const state = { memory, time: 0, looked: 0 }
  const room = createRedisRoom({
    look: async () => {
      state.looked += 1
      return state.memory
    },
    now: () => state.time,
  })
  return { state, room }
}

test('a quarter of what Redis may use is left to others', async () => {
  const { room } = scene({ used: 7_400, most: 10_000 })
  await room(60)
  await room(40)
  await expect(room(10)).rejects.toThrow(StoreUnavailableError)
})

test('it looks once a second, and sooner where much is written', async () => {
  const { state, room } = scene({ used: 0, most: 1_000 })
  await Promise.all([room(10), room(1)])
  await room(8)
  expect(state.looked).toBe(1)
  await room(5)
  await room(5)
  expect(state.looked).toBe(2)
  state.time = 1_001
  state.memory = [{ used: 760, most: 1_000 }]
  await expect(room(1)).rejects.toMatchObject({ cause: full })
  state.memory = [{ used: 100, most: 1_000 }]
  state.time = 2_002
  await room(1)
})

test('of several nodes the fullest counts; one without a limit is never full', async () => {
  const nodes = scene({ used: 9_000, most: 0 }, { used: 10, most: 1_000 }, { used: 800, most: 1_000 })
  await expect(nodes.room(1)).rejects.toMatchObject({ cause: full })
  await expect(scene({ used: 9_000, most: 0 }).room(1)).resolves.toBeUndefined()
})

test('one without a limit is looked at once a second, too, whatever is written', async () => {
  const { state, room } = scene({ used: 9_000, most: 0 })
  for (const bytes of [10, 1_000, 1]) await room(bytes)
  expect(state.looked).toBe(1)
  state.time = 1_001
  state.memory = [{ used: 760, most: 1_000 }]
  await expect(room(1)).rejects.toMatchObject({ cause: full })
})

test('INFO is read', () => {
  expect(readRedisMemory('# Memory\r\nused_memory:12345\r\nused_memory_rss:9\r\nmaxmemory:2000\r\n')).toEqual({
    used: 12_345,
    most: 2_000,
  })
})
