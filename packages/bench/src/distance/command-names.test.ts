import { expect, test } from 'vitest'
import { createCommandNames } from './command-names.ts'

const hash = 'q2Yt7vZcXl3T0mJx8cKf1ZpQm3uWbqYwz0cV5rB2hNE'

test('a command is told by its name and its kind of key', () => {
  const names = createCommandNames()
  names.add(1, ['HGET', `auth:user-code:${hash}`, 'r'], '127.0.0.1:4711')
  names.add(1, ['ping'], '127.0.0.1:4711')
  names.add(1, ['pexpire', `mcp:{${hash}}:log`, '1000'], '127.0.0.1:4711')
  expect(names.inTrips(1)).toEqual([['hget user-code', 'ping', 'pexpire log']])
})

test('a script is told by what it does, without the time that each asks for', () => {
  const names = createCommandNames()
  names.add(1, ['evalsha', 'c0ffee', '1', `auth:Grant:${hash}`, '0'], '127.0.0.1:4711')
  names.add(1, ['TIME'], 'lua')
  names.add(1, ['HMGET', `auth:Grant:${hash}`, 'v'], 'lua')
  names.add(1, ['get', `auth:document:${hash}`], '127.0.0.1:4711')
  expect(names.inTrips(1)).toEqual([['script Grant (hmget)', 'get document']])
})

test('no id, value or name of an account is told', () => {
  const names = createCommandNames()
  names.add(1, ['set', `auth:uid:${hash}`, 'a secret', 'PX', '1'], '127.0.0.1:4711')
  names.add(1, ['evalsha', 'c0ffee', '1', `auth:attempts:${hash}`, 'a secret'], '127.0.0.1:4711')
  expect(names.inTrips(1).join()).toBe('set uid,script attempts')
})

test('what comes later than that is another trip', () => {
  const names = createCommandNames()
  for (const at of [1, 1.004, 1.01]) names.add(at, ['ping'], '127.0.0.1:4711')
  expect(names.inTrips(5)).toEqual([['ping', 'ping'], ['ping']])
})
