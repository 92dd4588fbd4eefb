import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createWatchers } from './watchers.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const many = Array.from({ length: 120 }, (_, index) => String(index))

test('of many who watch a few are told at once, and in the end all', () => {
  const watchers = createWatchers()
  const heard: string[] = []
  for (const key of many) watchers.add(key, () => heard.push(key))
  watchers.tellAll()
  expect(heard).toHaveLength(50)
  vi.runAllTimers()
  expect(heard).toEqual(many)
})

test('who is told already is told again when there is news for all meanwhile, and who stopped is not', () => {
  const watchers = createWatchers()
  const heard: string[] = []
  const stops = many.map((key) => watchers.add(key, () => heard.push(key)))
  watchers.tellAll()
  watchers.tellAll()
  watchers.tellAll()
  stops.at(-1)?.()
  vi.runAllTimers()
  const rest = many.slice(0, -1)
  expect(heard).toEqual([...rest, ...rest])
  expect(vi.getTimerCount()).toBe(0)
})

test('two who watch the same hear of it both, also when one of them stops', () => {
  const watchers = createWatchers()
  const heard: string[] = []
  const stop = watchers.add('key', () => heard.push('one'))
  watchers.add('key', () => heard.push('other'))
  watchers.tell('key')
  stop()
  watchers.tell('key')
  watchers.tell('another key')
  expect(heard).toEqual(['one', 'other', 'other'])
})
