import { expect, test } from 'vitest'
import { tableOf } from './table.ts'

const once = (value: number) => ({ median: value, min: value, max: value })
const rows = [
  { of: 'one', figures: { ms: { median: 2, min: 1, max: 1234 }, late: once(0.12345) } },
  { of: 'another', figures: { ms: once(7), early: once(1) } },
  { of: 'third', figures: {} },
]

test('a figure has three digits, and its ends where they differ; what is not there is empty', () => {
  expect(tableOf(rows)).toBe(
    [
      '|  | ms | late | early |',
      '| --- | ---: | ---: | ---: |',
      '| one | 2 (1..1234) | 0.123 |  |',
      '| another | 7 |  | 1 |',
      '| third |  |  |  |',
      '',
    ].join('\n'),
  )
})

test('named columns come first, of those that there are', () => {
  expect(tableOf(rows, ['early', 'nothing', 'ms']).split('\n')[0]).toBe('|  | early | ms | late |')
})

test('of more figures than rows each has a row', () => {
  expect(tableOf(rows.slice(0, 1))).toBe('|  | one |\n| --- | ---: |\n| ms | 2 (1..1234) |\n| late | 0.123 |\n')
})
