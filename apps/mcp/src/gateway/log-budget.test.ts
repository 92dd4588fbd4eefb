import { expect, test } from 'vitest'
import { createLogBudget } from './log-budget.ts'

test('an upstream has so many lines a minute, the rest is counted, and others have theirs', () => {
  let now = 0
  const budget = createLogBudget(() => now)
  const said: [string, number][] = []
  const spend = (upstream: string) => budget.spend(upstream, (leftOut) => void said.push([upstream, leftOut]))
  for (let count = 0; count < 100; count += 1) spend('mad')
  spend('ledger')
  expect(said.filter(([upstream]) => upstream === 'mad')).toHaveLength(30)
  expect(said.at(-1)).toEqual(['ledger', 0])
  now = 60_000
  spend('mad')
  spend('mad')
  expect(said.slice(-2)).toEqual([
    ['mad', 70],
    ['mad', 0],
  ])
})
