import { expect, test } from 'vitest'
import { type Comparison, judge } from './verdicts.ts'

const cost = { what: 'a call', ours: 'ours', beside: 'theirs', figure: 'CPU ms a call' } satisfies Comparison
const samples = {
  ours: [
    { 'CPU ms a call': 1, 'calls a second': 300 },
    { 'CPU ms a call': 2, 'calls a second': 100 },
    { 'CPU ms a call': 4, 'calls a second': 200 },
  ],
  theirs: [
    { 'CPU ms a call': 2, 'calls a second': 100 },
    { 'CPU ms a call': 2, 'calls a second': 100 },
    { 'CPU ms a call': 12, 'calls a second': 100 },
  ],
}

test('of a cost it is told how many times less ours is, round by round', () => {
  const { figures } = judge({ ...cost, target: 2 }, samples)
  expect(figures).toMatchObject({
    ours: { median: 2, min: 1, max: 4 },
    beside: { median: 2 },
    '×': { median: 2, min: 1, max: 3 },
    target: { median: 2 },
    'a second, ours': { median: 200 },
    'a second, beside': { median: 100 },
  })
})

test('of a rate it is told how many times more ours is', () => {
  const { figures } = judge({ ...cost, figure: 'calls a second' }, samples)
  expect(figures['×']).toEqual({ median: 2, min: 1, max: 3 })
  expect(figures).not.toHaveProperty('target')
  expect(figures).not.toHaveProperty('a second, ours')
})

test('what ours takes besides is a difference', () => {
  expect(judge({ ...cost, by: 'added' }, samples).figures.added).toEqual({ median: -1, min: -8, max: 0 })
})

test('at least so many times, or at most so much, is wanted', () => {
  const met = (more: Partial<Comparison>) => judge({ ...cost, ...more }, samples).details.met
  expect([met({ target: 2 }), met({ target: 2.1 })]).toEqual([true, false])
  expect([met({ by: 'added', target: -1 }), met({ by: 'added', target: -1.1 })]).toEqual([true, false])
  expect(met({})).toBeUndefined()
})

test('a subject or a figure that nobody measured is no verdict', () => {
  expect(() => judge({ ...cost, beside: 'nobody' }, samples)).toThrow('There is no "CPU ms a call" of "nobody"')
  expect(() => judge({ ...cost, figure: 'MB' }, samples)).toThrow('There is no "MB" of "ours"')
})
