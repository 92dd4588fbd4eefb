import { expect, test } from 'vitest'
import { isTooDeep, parseJson } from './json.ts'

const arrays = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const objects = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

test('64 levels are read, one more is not, and neither are any number more, closed or not', () => {
  for (const nest of [arrays, objects]) {
    expect(parseJson(nest(64))).toEqual(JSON.parse(nest(64)))
    for (const levels of [65, 7_000, 500_000]) expect(() => parseJson(nest(levels))).toThrow(/more than 64 levels/)
  }
  expect(isTooDeep('['.repeat(65))).toBe(true)
  expect(isTooDeep(` \n${arrays(65)}`)).toBe(true)
})

test('brackets in strings, one after the other, or in something else than JSON are not levels', () => {
  for (const text of [
    JSON.stringify({ a: '['.repeat(500), '{"{': `${'\\'.repeat(99)}${'"['.repeat(500)}` }),
    `[${'[],'.repeat(500)}[]]`,
    `<html>${'['.repeat(500)}`,
    `"${'['.repeat(500)}"`,
    `["${'['.repeat(500)}`,
  ])
    expect(isTooDeep(text), text.slice(0, 20)).toBe(false)
})

test('what is not JSON is refused without being repeated', () => {
  for (const text of ['', '{', '["secret"', 'secret', '{"a":1}}']) {
    expect(() => parseJson(text)).toThrow(new SyntaxError('not JSON'))
  }
})
