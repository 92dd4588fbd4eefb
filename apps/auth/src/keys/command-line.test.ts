import { expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import { parseKeysCommand } from './command-line.ts'

test('commands are read with what belongs to them', () => {
  expect(parseKeysCommand(['list'])).toEqual({ name: 'list', json: false })
  expect(parseKeysCommand(['list', '--json'])).toEqual({ name: 'list', json: true })
  expect(parseKeysCommand(['rotate'])).toEqual({ name: 'rotate' })
  expect(parseKeysCommand(['remove', 'one', 'two'])).toEqual({ name: 'remove', kids: ['one', 'two'] })
  expect(parseKeysCommand(['remove', '-h'])).toBeUndefined()
})

test.each([
  [[], 'Say a command'],
  [['lsit'], 'There is no command lsit'],
  [['list', 'all'], 'list takes nothing more'],
  [['rotate', 'now'], 'rotate takes nothing more'],
  [['rotate', '--json'], '--json is for list'],
  [['remove'], 'Say which key'],
  [['remove', '--all'], "Unknown option '--all'"],
])('%j is a wrong call: %s', (args, reason) => {
  expect(() => parseKeysCommand(args)).toThrow(UsageError)
  expect(() => parseKeysCommand(args)).toThrow(reason)
})
