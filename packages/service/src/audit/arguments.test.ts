import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { shownArguments, shownText, shownUri } from './arguments.ts'

const values = (args: unknown, redact: readonly string[] = []) => shownArguments(args, { arguments: 'values', redact })

test('names, values or nothing, as the operator wants it', () => {
  const args = { amount: 3, to: 'ada' }
  expect(shownArguments(args, { arguments: 'none', redact: [] })).toBeUndefined()
  expect(shownArguments(args, { arguments: 'names', redact: [] })).toEqual(['amount', 'to'])
  expect(values(args)).toEqual(args)
  for (const odd of [undefined, null, 'text', 3, ['a']]) expect(values(odd)).toBeUndefined()
})

test('a value whose name or whose text is that of a secret is left out, at any depth', () => {
  const secret = 'hunter2hunter2'
  const names = ['password', 'API-Key', 'api_key', 'accessToken', 'Authorization', 'Set-Cookie', 'client_secret', 'pin']
  for (const name of names) {
    expect(values({ [name]: secret }), name).toEqual({ [name]: '[redacted]' })
    expect(JSON.stringify(values({ a: [{ b: { [name]: { deep: secret } } }] })), name).not.toContain(secret)
  }
  const own = randomBytes(32).toString('base64url')
  const texts = [
    `eyJhbGciOiJFUzI1NiJ9.${own}.${own}`,
    `use Bearer ${own}`,
    '-----BEGIN PRIVATE KEY-----\nMIIB',
    'ghp_0123456789abcdefghij',
    'https://ada:hunter2@db.example/',
    own,
  ]
  for (const text of texts) {
    expect(values({ note: text }), text).toEqual({ note: '[redacted]' })
    if (text !== own) expect(shownText(`a ${text} b`)).toBe('[redacted]')
  }
  const name = 'calendar__findEventsOfPersonByIdentifierV2_3fa9C1'
  expect([shownText(name), shownText(own)], 'names of tools, ids').toEqual([name, own])
  expect(values({ iban: 'DE00', note: 'x' }, ['iban*'])).toEqual({ iban: '[redacted]', note: 'x' })
  const fine = { path: '/srv/docs/2026/a-report-with-a-long-name.txt', amount: 1000, ok: true, none: null }
  expect(values(fine)).toEqual(fine)
})

test('however much there is, a line stays small', () => {
  const deep = (levels: number): unknown => (levels === 0 ? 'end' : { next: deep(levels - 1) })
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`name ${index}`, 'x'.repeat(1_000)]))
  for (const args of [many, { all: Array.from({ length: 5_000 }, () => 'y'.repeat(1_000)) }, deep(60) as object]) {
    expect(JSON.stringify(values(args)).length).toBeLessThan(12_000)
    expect(JSON.stringify(shownArguments(args, { arguments: 'names', redact: [] })).length).toBeLessThan(4_000)
  }
})

test('an address is told without what follows it', () => {
  expect(shownUri('file:///srv/a.txt?token=hunter2#frag')).toBe('file:///srv/a.txt')
})
