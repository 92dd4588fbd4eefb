import { expect, test } from 'vitest'
import { logTrouble, redisTroubles, type StoreTrouble } from './store-trouble.ts'

test('each kind is told once a minute, whatever the others do', () => {
  const told: StoreTrouble[] = []
  const { onConnectionError, onRefusal, onEviction, onUncopied } = redisTroubles((event) => told.push(event))
  const error = new Error('full')
  for (let time = 0; time < 3; time += 1) {
    onConnectionError?.(error)
    onRefusal?.(error)
    onEviction?.('allkeys-lru')
    onUncopied?.()
  }
  expect(told).toEqual([
    { kind: 'outage', error },
    { kind: 'refusal', error },
    { kind: 'eviction', policy: 'allkeys-lru' },
    { kind: 'uncopied' },
  ])
  const lines: string[] = []
  const write = (_details: object, message: string): void => void lines.push(message)
  for (const event of told) logTrouble({ warn: write, error: write }, event)
  expect(new Set(lines).size).toBe(4)
})
