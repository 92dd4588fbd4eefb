import { expect, test } from 'vitest'
import { dropOldest } from './dropped-names.ts'
import type { Owned } from './names.ts'

/** Names in the order in which they were given: `ab` is one of the upstream `a`, then one of `b`. */
function given(upstreams: string): Map<string, Owned> {
  return new Map([...upstreams].map((upstream, at) => [`${at}${upstream}`, { upstream, name: `${at}` }]))
}

/** What is left, in order. */
function left(upstreams: string, most: number): string {
  const all = given(upstreams)
  dropOldest(all, most)
  return [...all.keys()].join(' ')
}

test.each([
  ['nothing goes where there is room', 'aab', 3, '0a 1a 2b'],
  ['the oldest of the only upstream go', 'aaaa', 2, '2a 3a'],
  ['who has few keeps them, however old they are', 'baaaaa', 3, '0b 4a 5a'],
  ['of several that have much each loses down to the same', 'aaaabbbc', 5, '2a 3a 5b 6b 7c'],
  ['of those that have as much as each other the one with the oldest name loses one more', 'bbaa', 3, '1b 2a 3a'],
  ['the order between the upstreams does not matter to what each keeps', 'cabababa', 4, '0c 5a 6b 7a'],
  ['all go where nothing may be left', 'abba', 0, ''],
])('%s', (_title, upstreams, most, kept) => {
  expect(left(upstreams, most)).toBe(kept)
})

/** Calls `look` for each entry that somebody comes to on any walk over `all`. */
function watch(all: Map<string, Owned>, look: () => void): void {
  for (const way of ['keys', 'values', 'entries', Symbol.iterator] as const) {
    const walk = all[way].bind(all)
    const value = function* () {
      for (const one of walk()) {
        look()
        yield one
      }
    }
    Object.defineProperty(all, way, { value })
  }
}

test('each name is looked at a few times, however many go at once', () => {
  const all = given('many, and of each letter several; '.repeat(60))
  const { size } = all
  let looks = 0
  watch(all, () => {
    looks += 1
  })
  dropOldest(all, size / 2)
  expect(all.size).toBe(size / 2)
  expect(looks).toBeLessThanOrEqual(4 * size)
})
