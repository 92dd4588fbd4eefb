import { expect, test } from 'vitest'
import { drawUserCode, engineShape, isAsLongAsUserCode, readUserCode, showUserCode } from './user-codes.ts'

test('a code that is drawn is shown as the engine shows its own, and is read back however it is typed', () => {
  const shown = new RegExp(`^${engineShape.mask.replaceAll('*', '[BCDFGHJKLMNPQRSTVWXZ]')}$`)
  const codes = Array.from({ length: 200 }, drawUserCode)
  expect(new Set(codes).size).toBe(codes.length)
  for (const code of codes) {
    expect(showUserCode(code)).toMatch(shown)
    expect(isAsLongAsUserCode(code)).toBe(true)
    for (const typed of [code, showUserCode(code), showUserCode(code).toLowerCase(), ` ${code.split('').join(' ')} `])
      expect(readUserCode(typed)).toBe(code)
  }
})

test('what is no code is shown as far as it could have been meant for one', () => {
  for (const [typed, shown] of [
    ['', ''],
    ['bcd', 'BCD'],
    ['bcdf', 'BCDF'],
    ['bcdfg', 'BCDF-G'],
    ['<b>cdf ghjk', 'BCDF-GHJK'],
    ['BCDFGHJKLMNPQRSTVWXZ', 'BCDF-GHJKLMNPQRST'],
    ['B'.repeat(65), ''],
    [['BCDFGHJK'], ''],
    [undefined, ''],
  ] as const)
    expect([typed, showUserCode(readUserCode(typed))]).toEqual([typed, shown])
})
