import { beforeEach, expect, test } from 'vitest'
import { type Budgets, createOwnBudgets, takeEach } from './budgets.ts'

const minute = 60_000
let now: number
let budgets: Budgets
beforeEach(() => {
  now = Date.UTC(2026, 11, 1)
  budgets = createOwnBudgets({ now: () => now })
})

const take = async (name: string, limit = 2) => (await budgets.take(name, limit, minute)).allowed

test('a window begins with the first, is of its length, and then another begins', async () => {
  expect(await budgets.take('a', 2, minute)).toMatchObject({ allowed: true, retryAfter: minute })
  now += 20_000
  expect(await take('a')).toBe(true)
  expect(await budgets.take('a', 2, minute)).toMatchObject({ allowed: false, retryAfter: 40_000 })
  expect(await take('b'), 'another one has its own').toBe(true)
  now += 39_999
  expect(await budgets.take('a', 2, minute)).toMatchObject({ allowed: false, retryAfter: 1 })
  now += 1
  expect(await budgets.take('a', 2, minute)).toMatchObject({ allowed: true, retryAfter: minute })
})

test('another limit counts at once, with what was taken before', async () => {
  await take('a')
  await take('a')
  expect([await take('a', 2), await take('a', 3), await take('a', 3), await take('a', 1)]).toEqual([
    false,
    true,
    false,
    false,
  ])
})

test('a clock that is set back makes no window longer than it is', async () => {
  await budgets.take('a', 1, minute)
  now -= 3_600_000
  expect(await budgets.take('a', 1, minute)).toMatchObject({ allowed: false, retryAfter: minute })
  now += minute
  expect(await take('a', 1)).toBe(true)
})

test('what is given back is for the next one; what was refused has nothing to give back', async () => {
  const first = await budgets.take('a', 1, minute)
  const refused = await budgets.take('a', 1, minute)
  await refused.giveBack()
  expect(await take('a', 1)).toBe(false)
  await first.giveBack()
  await first.giveBack()
  expect([await take('a', 1), await take('a', 1)]).toEqual([true, false])
})

test('out of several budgets one is taken of each or of none', async () => {
  const [small, large] = [
    { name: 'small', limit: 1, window: minute },
    { name: 'large', limit: 3, window: minute },
  ]
  expect(await takeEach(budgets, [large, small])).toBeUndefined()
  for (let time = 0; time < 5; time += 1)
    expect(await takeEach(budgets, [large, small])).toEqual({ budget: small, retryAfter: minute })
  expect([await take('large', 3), await take('large', 3), await take('large', 3)]).toEqual([true, true, false])
})

test('so many are remembered at most, those that were used last', async () => {
  budgets = createOwnBudgets({ now: () => now, most: 100 })
  await take('kept', 1)
  for (let index = 0; index < 1_000; index += 1) {
    await take(`other ${index}`)
    expect(await take('kept', 1)).toBe(false)
  }
  for (let index = 0; index < 100; index += 1) await take(`other ${index}`)
  expect(await take('kept', 1), 'forgotten').toBe(true)
})
