import { verifies } from '@gatehouse/testing'
import { describe, expect, test } from 'vitest'
import { cleanText, displayHost, displayName } from './text.ts'

describe('a name', () => {
  test.each([
    ['loses control characters', 'Mine\u0000\u001b[31m\u007f', 'Mine[31m'],
    ['loses marks that turn the direction of writing', '\u202egnp.\u2066x\u2069\u200f\u061c', 'gnp.x'],
    ['loses what has no width', 'Git\u200bHub\u00ad\ufeff\u2060\u034f\u3164\u{e0041}', 'GitHub'],
    ['stays on one line with single spaces', '  two\r\n\tlines\u2028and\u3000 \u2800more ', 'two lines and more'],
    ['keeps letters of other scripts', 'מתכונים של אמא', 'מתכונים של אמא'],
    ['keeps an accent that was written apart', 'Cafe\u0301', 'Café'],
    ['loses heaps of accents', `Z${'\u0335'.repeat(40)}o`, 'Z\u0335\u0335\u0335o'],
    ['loses halves of characters', 'a\ud83d', 'a'],
  ])('%s', (_what, name, shown) => {
    expect(displayName(name)).toBe(shown)
  })

  test.each([undefined, '', ' \n ', '\u200b\u202e\u2800'])('of which nothing can be seen is no name: %j', (name) => {
    expect(displayName(name)).toBeUndefined()
  })

  verifies('D20', 'a name is cut to 64 characters, never through the middle of one', () => {
    expect(displayName('x'.repeat(64))).toBe('x'.repeat(64))
    expect(displayName('x'.repeat(5000))).toBe(`${'x'.repeat(63)}…`)
    const families = displayName('🏳️‍🌈'.repeat(500)) ?? ''
    expect(families.length).toBeLessThanOrEqual(64)
    expect(families.isWellFormed()).toBe(true)
    expect(displayName(`${'x'.repeat(62)}e\u0304\u0323\u0301 and more`)).toBe(`${'x'.repeat(62)}…`)
  })

  test('of millions of characters costs no time', () => {
    expect(cleanText('\u0301\u200b '.repeat(2_000_000)).length).toBeLessThanOrEqual(64)
  }, 1000)
})

describe('a host', () => {
  verifies('C10', 'a host in letters that look Latin is shown in punycode', () => {
    expect(displayHost('аррӏе.com')).toBe('xn--80ak6aa92e.com')
    expect(displayHost('claude.ai')).toBe('claude.ai')
  })

  test('keeps its port and its punycode', () => {
    expect(displayHost('app.example:8443')).toBe('app.example:8443')
    expect(displayHost('xn--80ak6aa92e.com')).toBe('xn--80ak6aa92e.com')
  })

  test.each(['claude.ai@evil.example', 'claude.ai/evil', 'а b', ''])(
    'that is not one stays plain ASCII: %j',
    (host) => {
      expect(displayHost(host)).toMatch(/^[\x20-\x7e]*$/)
      expect(displayHost(host)).not.toBe('claude.ai')
    },
  )
})
