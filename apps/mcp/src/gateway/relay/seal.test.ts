import { expect, test } from 'vitest'
import { ada } from '../harness/clients.ts'
import { createSeals } from './seal.ts'

const secrets = ['the secret of today, which is long enough', 'the secret of yesterday, long enough too'] as const
const now = 1_700_000_000_000

test('opens for whom it was sealed, as what it was sealed, in its time', () => {
  let time = now
  const seals = createSeals({ secrets, clock: () => time })
  const sealed = seals.seal('state', ada, { a: 1 }, now + 1_000)
  expect(seals.open('state', ada, sealed)).toEqual({ a: 1 })
  expect(seals.open('task', ada, sealed)).toBeUndefined()
  for (const member of ['endpoint', 'issuer', 'subject', 'clientId'] as const) {
    expect(seals.open('state', { ...ada, [member]: 'another' }, sealed)).toBeUndefined()
  }
  expect(seals.open('state', { ...ada, session: 'another' }, sealed)).toEqual({ a: 1 })
  time = now + 1_000
  expect(seals.open('state', ada, sealed)).toBeUndefined()
})

test('an id is the same each time, for one owner; what has an end is not', () => {
  const seals = createSeals({ secrets, clock: () => now })
  const eve = { ...ada, subject: 'dev:eve' }
  expect(seals.seal('task', ada, 'a')).toBe(seals.seal('task', ada, 'a'))
  expect(seals.seal('task', ada, 'a')).not.toBe(seals.seal('task', eve, 'a'))
  expect(seals.seal('task', ada, 'a').slice(0, 16)).not.toBe(seals.seal('task', ada, 'b').slice(0, 16))
  expect(seals.seal('state', ada, 'a', now + 1)).not.toBe(seals.seal('state', ada, 'a', now + 1))
})

test('nothing that was changed opens', () => {
  const seals = createSeals({ secrets, clock: () => now })
  const sealed = Buffer.from(seals.seal('state', ada, 'a'), 'base64url')
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    expect(seals.open('state', ada, changed.toString('base64url'))).toBeUndefined()
  }
  for (const other of ['', 'x', 'A'.repeat(40), 'A'.repeat(100_000)])
    expect(seals.open('state', ada, other)).toBeUndefined()
})

test('what is sealed has one spelling', () => {
  const seals = createSeals({ secrets, clock: () => now })
  for (const value of ['a', 'ab', 'abc']) {
    const sealed = seals.seal('state', ada, value)
    expect(seals.open('state', ada, sealed)).toBe(value)
    const last = sealed.charCodeAt(sealed.length - 1)
    const spellings = [
      `${sealed}=`,
      `${sealed} `,
      ` ${sealed}`,
      `${sealed}\0`,
      `${sealed.slice(0, 9)}\n${sealed.slice(9)}`,
      `${sealed}A`,
      sealed.replaceAll('-', '+').replaceAll('_', '/'),
      // the unused bits of the last character
      sealed.slice(0, -1) + String.fromCharCode(last + 1),
    ]
    for (const other of spellings.filter((one) => one !== sealed))
      expect(seals.open('state', ada, other), JSON.stringify(other)).toBeUndefined()
  }
})

test('a secret can be changed: what the one before sealed opens, and nothing of a third', () => {
  const clock = () => now
  const before = createSeals({ secrets: [secrets[1]], clock })
  const third = createSeals({ secrets: ['another secret that nobody here knows of'], clock })
  const after = createSeals({ secrets, clock })
  expect(after.open('state', ada, before.seal('state', ada, 'a'))).toBe('a')
  expect(before.open('state', ada, after.seal('state', ada, 'a'))).toBeUndefined()
  expect(after.open('state', ada, third.seal('state', ada, 'a'))).toBeUndefined()
})
