import { expect, test } from 'vitest'
import { createSealing, SealBrokenError } from './sealing.ts'

const first = createSealing({ secret: 'first' })
const second = createSealing({ secret: 'second' })
const rotated = createSealing({ secret: 'second', previous: 'first' })

test('a sealed value opens under its own kind and key only', () => {
  const sealed = first.seal('Session', 'a', { n: 1 })
  expect(first.open('Session', 'a', sealed)).toEqual({ n: 1 })
  for (const [kind, key] of [
    ['Session', 'b'],
    ['Client', 'a'],
    ['Session\0a', ''],
  ] as const) {
    expect(() => first.open(kind, key, sealed)).toThrow(SealBrokenError)
  }
})

test('whatever is cut, changed or made up is broken, never a crash', () => {
  const sealed = first.seal('Session', 'a', { n: 1 })
  for (let length = 0; length < sealed.length; length += 1) {
    expect(() => first.open('Session', 'a', sealed.subarray(0, length))).toThrow(SealBrokenError)
  }
  for (let index = 0; index < sealed.length; index += 1) {
    const changed = Buffer.from(sealed)
    changed.writeUInt8(changed.readUInt8(index) ^ 1, index)
    expect(() => first.open('Session', 'a', changed)).toThrow(SealBrokenError)
  }
  expect(() => first.open('Session', 'a', Buffer.alloc(100))).toThrow(SealBrokenError)
})

test('the same value is never sealed to the same bytes', () => {
  expect(first.seal('Session', 'a', 1).equals(first.seal('Session', 'a', 1))).toBe(false)
})

test('the previous secret opens and the current one seals', () => {
  const old = first.seal('Session', 'a', 1)
  expect(rotated.open('Session', 'a', old)).toBe(1)
  expect([rotated.isCurrent(old), first.isCurrent(old)]).toEqual([false, true])
  const renewed = rotated.seal('Session', 'a', 2)
  expect(second.open('Session', 'a', renewed)).toBe(2)
  expect(() => first.open('Session', 'a', renewed)).toThrow(expect.objectContaining({ fault: 'unknown_key' }))
})

test('keys and keyed hashes come for both secrets, the current one first', () => {
  expect(rotated.userCodeKey('BBBBBBBB')).toEqual([...second.userCodeKey('BBBBBBBB'), ...first.userCodeKey('BBBBBBBB')])
  expect(rotated.deriveAll('cookies')).toEqual([second.derive('cookies'), first.derive('cookies')])
  expect(rotated.derive('cookies')).toEqual(second.derive('cookies'))
  expect(first.derive('cookies')).not.toEqual(first.derive('xsrf'))
  expect(first.derive('cookies')).toHaveLength(32)
})

test('an empty previous secret counts as none', () => {
  expect(createSealing({ secret: 'first', previous: '' }).deriveAll('cookies')).toHaveLength(1)
})

test('what this release stores can be read by the next', () => {
  const sealed = 'AUi64dpS0CqW0peXA05e+o69pBrSB+7Iv9cpEpBV74LkqCL9cihYzA=='
  expect(first.open('Session', 'a', Buffer.from(sealed, 'base64'))).toEqual({ n: 1 })
  expect(first.hashKey('Session', 'a')).toBe('Rk17v9HzFNjRhY9TrpuWDsUaO9q4wuUMCQM-kcLoUOc')
  expect(first.userCodeKey('BBBBBBBB')[0]).toBe('iX9tx1DUMmcJmQpaMnsOHtUFBiH6IIQMYyMe2TE6FsY')
  expect(first.derive('cookies').toString('base64url')).toBe('7fEC4cew_iC_wFFt5gKKba7JiMOn2gdtm9TgqN_142k')
})
