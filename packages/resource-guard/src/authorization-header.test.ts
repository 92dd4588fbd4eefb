import { expect, test } from 'vitest'
import { readCredentials as read } from './authorization-header.ts'
import { pairs } from './exchange.ts'

const readCredentials = (rawHeaders: readonly string[]) => read({ headers: pairs(rawHeaders) })

test.each([
  ['Bearer abc', 'abc'],
  ['bearer abc', 'abc'],
  ['BEARER   a.b-c_d~e+f/g==', 'a.b-c_d~e+f/g=='],
])('%s is a token', (value, token) => {
  expect(readCredentials(['Host', 'x', 'authorization', value])).toEqual({ kind: 'token', token })
})

test.each([
  '',
  'Bearer',
  'Bearer ',
  'Bearer a b',
  'Bearer a, Bearer b',
  'Basic YTpi',
  'abc',
  'Bearer\tabc',
  'Bearer "a"',
])('%s is not one', (value) => expect(readCredentials(['Authorization', value])).toEqual({ kind: 'noBearerToken' }))

test('two headers are ambiguous, even if they agree', () => {
  expect(readCredentials(['Authorization', 'Bearer a', 'AUTHORIZATION', 'Bearer a'])).toEqual({ kind: 'twice' })
})

test('a value that reads like the name is not the header', () => {
  expect(readCredentials(['X', 'authorization', 'Y', 'Bearer a'])).toEqual({ kind: 'noToken' })
})
