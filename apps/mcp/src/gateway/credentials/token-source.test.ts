import { createTestClock } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { UpstreamError } from '../upstreams/contract.ts'
import { createTokenSource } from './token-source.ts'

/** Seconds that each token lives; `down`: none is to be had. */
function setUp(life = 600) {
  const clock = createTestClock()
  const state = { asked: 0, down: false, value: undefined as string | undefined }
  const source = createTokenSource({
    now: clock.now,
    async ask() {
      state.asked += 1
      const number = state.asked
      await Promise.resolve()
      if (state.down) throw new UpstreamError('ledger', 'unreachable', 'away', { about: 'token-endpoint' })
      return { value: state.value ?? `token-${number}`, life: life * 1_000 }
    },
  })
  return { clock, state, source }
}

test('a token is kept until shortly before its end, and asked for once for all who wait', async () => {
  const { clock, state, source } = setUp()
  expect(await Promise.all([source.current(), source.current(), source.current()])).toEqual(Array(3).fill('token-1'))
  clock.elapse(539)
  expect(await source.current()).toBe('token-1')
  clock.elapse(2)
  expect(await Promise.all([source.current(), source.current()])).toEqual(['token-2', 'token-2'])
  expect(state.asked).toBe(2)
})

test('a short life is used for the most of it', async () => {
  const { clock, source } = setUp(10)
  await source.current()
  clock.elapse(7)
  expect(await source.current()).toBe('token-1')
  clock.elapse(2)
  expect(await source.current()).toBe('token-2')
})

test('one that was refused is replaced once, for all to whom it was refused', async () => {
  const { clock, state, source } = setUp()
  const first = await source.current()
  expect(await Promise.all([source.renew(first), source.renew(first)])).toEqual(['token-2', 'token-2'])
  expect(await source.renew(first)).toBe('token-2')
  expect(await source.renew('token-2')).toBeUndefined()
  expect([state.asked, await source.current()]).toEqual([2, 'token-2'])
  clock.elapse(10)
  expect(await source.renew('token-2')).toBe('token-3')
})

test('a server that gives the same token again has no other', async () => {
  const { state, source } = setUp()
  state.value = 'the same'
  expect(await source.renew(await source.current())).toBeUndefined()
})

test('while none is to be had the old one counts to its very end; then it is asked for less and less often', async () => {
  const { clock, state, source } = setUp()
  await source.current()
  state.down = true
  clock.elapse(599)
  expect(await source.current()).toBe('token-1')
  clock.elapse(1)
  await expect(source.current()).rejects.toMatchObject({ fault: 'unreachable', about: 'token-endpoint' })
  const before = state.asked
  await expect(source.current()).rejects.toMatchObject({ about: 'token-endpoint', retryAfter: expect.any(Number) })
  expect(state.asked).toBe(before)
  clock.elapse(60)
  state.down = false
  expect(await source.current()).toBe(`token-${before + 1}`)
})
