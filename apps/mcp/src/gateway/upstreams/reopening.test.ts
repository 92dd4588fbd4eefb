import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createReopening } from './reopening.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** The pauses that a stream is left alone for that breaks at once each time. */
function pauses(count: number, wanted: number): number[] {
  const reopening = createReopening(Date.now)
  return Array.from({ length: count }, () => {
    const began = Date.now()
    let opened: number | undefined
    reopening(() => {
      opened = Date.now()
    }, wanted)
    vi.advanceTimersByTime(30_000)
    vi.setSystemTime(opened ?? began)
    return (opened ?? Number.NaN) - began
  })
}

test('a stream that breaks at once is left alone for longer each time, whatever it asks for', () => {
  expect(pauses(7, 0)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  expect(pauses(2, 99_999_999_999)).toEqual([30_000, 30_000])
  expect(pauses(2, Number.NaN)).toEqual([1_000, 2_000])
})

test('one that lasted begins again', () => {
  const reopening = createReopening(Date.now)
  reopening(() => undefined, 0)
  vi.advanceTimersByTime(120_000)
  let opened = false
  reopening(() => {
    opened = true
  }, 0)
  vi.advanceTimersByTime(1_000)
  expect(opened).toBe(true)
})
