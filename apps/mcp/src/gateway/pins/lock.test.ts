import { describe, expect, test } from 'vitest'
import { randomDefinition } from '../harness/random-json.ts'
import { hashOf, pinnedForm } from './definition.ts'
import { lockOf, pinOf, readLock, textOfLock } from './lock.ts'
import { visible, visibleJson } from './visible.ts'

const seeds = Array.from({ length: 300 }, (_, seed) => seed)

type Path = readonly (string | number)[]

/** Where a value has no members of its own. */
function leaves(value: unknown, at: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [at]
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return inner.length === 0 ? [at] : inner.flatMap(([name, member]) => leaves(member, [...at, name]))
}

function withLeaf(value: unknown, [first, ...rest]: Path, change: (leaf: unknown) => unknown): unknown {
  if (first === undefined) return change(value)
  if (Array.isArray(value)) return value.map((one, index) => (index === first ? withLeaf(one, rest, change) : one))
  const entries = Object.entries(value as object)
  return Object.fromEntries(entries.map(([key, one]) => [key, key === first ? withLeaf(one, rest, change) : one]))
}

function mutated(leaf: unknown): unknown {
  if (typeof leaf === 'string') return `${leaf}\u200b`
  if (typeof leaf === 'number') return leaf === 0 ? 1 : -leaf
  if (typeof leaf === 'boolean') return !leaf
  return leaf === null ? false : Array.isArray(leaf) ? {} : []
}

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toReversed()
  return Object.fromEntries(entries.map(([name, member]) => [name, shuffled(member)]))
}

describe('the hash of a definition', () => {
  test('is another one when any one leaf is', () => {
    let count = 0
    for (const seed of seeds) {
      const definition = randomDefinition(seed)
      const before = hashOf(definition)
      for (const path of leaves(definition)) {
        count += 1
        expect(hashOf(withLeaf(definition, path, mutated)), `${seed} ${path.join('.')}`).not.toBe(before)
      }
    }
    expect(count).toBeGreaterThan(3_000)
  })

  test('is another one when a member is gone or new, at any depth', () => {
    for (const seed of seeds) {
      const definition = randomDefinition(seed)
      for (const path of leaves(definition)) {
        const more = withLeaf(definition, path.slice(0, -1), (one) =>
          Array.isArray(one) ? [...one, null] : { ...(one as object), more: null },
        )
        const fewer = withLeaf(definition, path.slice(0, -1), (one) =>
          Array.isArray(one)
            ? one.toSpliced(Number(path.at(-1)), 1)
            : Object.fromEntries(Object.entries(one as object).filter(([name]) => name !== path.at(-1))),
        )
        expect([hashOf(more), hashOf(fewer)], `${seed} ${path.join('.')}`).not.toContain(hashOf(definition))
      }
    }
  })

  test('is the same in whatever order members stand, and is kept through a lock', () => {
    for (const seed of seeds) {
      const definition = randomDefinition(seed)
      expect(hashOf(shuffled(definition))).toBe(hashOf(definition))
      const pin = pinOf({ upstream: 'a', kind: 'tool', name: definition.name }, definition)
      expect(readLock(textOfLock(lockOf([pin]))).pins).toEqual([pin])
    }
  })

  test('covers texts that a lock does not keep whole, and none of them stands for another', () => {
    const long = `${'x'.repeat(20_000)}end`
    expect(hashOf({ description: long })).not.toBe(hashOf({ description: `${long.slice(0, -1)}D` }))
    const { description } = pinnedForm({ description: long }) as { readonly description: string }
    expect(description.length).toBeLessThan(400)
    expect(hashOf({ description })).not.toBe(hashOf({ description: long }))
  })

  test('covers a member that is called like the prototype', () => {
    const evil = JSON.parse('{"name":"a","inputSchema":{"__proto__":{"x":1}}}')
    expect(hashOf(evil)).not.toBe(hashOf({ name: 'a', inputSchema: {} }))
    const pin = pinOf({ upstream: 'a', kind: 'tool', name: '__proto__' }, evil)
    const [read] = readLock(textOfLock(lockOf([pin]))).pins
    expect(read?.hash).toBe(pin.hash)
  })
})

describe('a lock', () => {
  const pins = [
    pinOf({ upstream: 'b', kind: 'tool', name: 'z' }, { name: 'z', description: 'Plain\u202e\u200bwords' }),
    pinOf({ upstream: 'b', kind: 'tool', name: 'a' }, { name: 'a' }),
    pinOf({ upstream: 'a', kind: 'instructions', name: '' }, 'Be kind'),
  ]

  test('is the same text for the same pins, sorted, with nothing in it that nobody sees', () => {
    const text = textOfLock(lockOf(pins))
    expect(textOfLock(lockOf(pins.toReversed()))).toBe(text)
    expect(text).toContain('"Plain\\u202e\\u200bwords"')
    expect(text).toMatch(/^[\n -~]*$/)
    expect(readLock(text)).toEqual(lockOf(pins))
  })

  test.each([
    ['{', 'is no JSON'],
    ['{"version":2,"pins":[]}', 'is no lock of this version (version: '],
    ['{"version":1,"pins":[{"upstream":"a"}]}', 'is no lock of this version (pins.0.'],
  ])('that is not one says so: %s', (text, words) => {
    expect(() => readLock(text)).toThrow(words)
  })

  test('whose definition is not what its hash is of counts for nothing, or a reviewer would read another text', () => {
    const text = textOfLock(lockOf(pins))
    expect(() => readLock(text.replace('Be kind', 'Be nice'))).toThrow('another hash for a instructions than its')
    const twice = JSON.parse(text)
    twice.pins.push(twice.pins[0])
    expect(() => readLock(JSON.stringify(twice))).toThrow('has a instructions twice')
  })
})

test('what nobody sees is shown by its number, and what is seen stays', () => {
  expect(visible('pay\u202e\u2066 \u00a0\u200b\ufe0f\u{e0041}\u3164\u2028\u001b[31m\n\ud800')).toBe(
    'pay\\u{202e}\\u{2066} \\u{a0}\\u{200b}\\u{fe0f}\\u{e0041}\\u{3164}\\u{2028}\\u{1b}[31m\\u{a}\\u{d800}',
  )
  expect(visible('Größe, 漢字, жук 🦊')).toBe('Größe, 漢字, жук 🦊')
  expect(visible('\\u{202e}')).toBe('\\\\u{202e}')
  for (const seed of seeds) {
    const definition = randomDefinition(seed)
    expect(JSON.parse(visibleJson(definition, 2))).toEqual(JSON.parse(JSON.stringify(definition)))
  }
})
