// For tests: results of tools and definitions of tools that nobody foresaw, the same for the same seed.
import type { Json, Members } from '../upstreams/contract.ts'

const alphabets = [
  'abcxyz019_-. /',
  'äßçéñœ',
  'жющ漢字かな한',
  '🦊👩‍🚀🏳️‍🌈',
  '\u0000\u0007\u001f"\\\n\t',
  '\u2028\u2029\ufeff\ud800',
]
const numbers = [0, -0.5, 1e-7, 1e21, 2 ** 53 - 1, -(2 ** 53 - 1), 0.1 + 0.2, 5e-324, 1.7976931348623157e308]

interface Random {
  below(limit: number): number
  of<T>(choices: readonly T[]): T
  text(): string
  json(depth: number): Json
  members(depth: number): Members
}

/** mulberry32: good enough to be different, and the same everywhere. */
function createRandom(seed: number): Random {
  let state = (seed + 1) * 0x9e3779b1
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const random: Random = {
    below: (limit) => Math.floor(next() * limit),
    of: (choices) => choices[random.below(choices.length)] as never,
    text: () => {
      const letters = random.of(alphabets)
      return Array.from({ length: random.below(12) }, () => letters[random.below(letters.length)])
        .join('')
        .toWellFormed()
    },
    json(depth) {
      const kind = random.below(depth > 0 ? 7 : 4)
      if (kind === 0) return null
      if (kind === 1) return random.text()
      if (kind === 2) return random.of([...numbers, random.below(2 ** 31)])
      if (kind === 3) return random.of([true, false])
      if (kind === 4) return Array.from({ length: random.below(4) }, () => random.json(depth - 1))
      return random.members(depth - 1)
    },
    members: (depth) =>
      Object.fromEntries(Array.from({ length: random.below(5) }, () => [`x${random.text()}`, random.json(depth)])),
  }
  return random
}

/** A result of `tools/call`. */
export function randomResult(seed: number): Members {
  const random = createRandom(seed)
  const block = (): Members => {
    const more = random.members(4)
    const kind = random.below(5)
    if (kind === 0) return { ...more, type: 'image', data: 'AAAA', mimeType: 'image/png' }
    if (kind === 1)
      return { ...more, type: 'resource', resource: { ...random.members(2), uri: 'x://a', text: random.text() } }
    if (kind === 2) return { ...more, type: 'resource_link', uri: `x://${random.below(9)}`, name: random.text() }
    if (kind === 3) return { ...more, type: `kind ${random.text()}`, nested: deep(random, random.below(40)) }
    return { ...more, type: 'text', text: random.text(), annotations: random.json(3) }
  }
  return {
    ...random.members(5),
    content: Array.from({ length: random.below(5) }, block),
    ...(random.below(2) === 1 && { structuredContent: random.members(5) }),
    ...(random.below(4) === 0 && { isError: random.below(2) === 1 }),
    ...(random.below(2) === 1 && { _meta: { 'example.com/kept': random.json(4), ...random.members(2) } }),
  }
}

/** A member of `tools/list`. */
export function randomDefinition(seed: number): Members {
  const random = createRandom(seed + 1_000_003)
  return {
    ...random.members(4),
    name: `given_${seed}`,
    description: random.text(),
    inputSchema: {
      ...random.members(4),
      type: 'object',
      properties: { [random.text()]: random.members(4), deep: deep(random, random.below(30)) },
      $defs: { one: { anyOf: [{ const: null }, random.members(3)] } },
    },
    ...(random.below(2) === 1 && { outputSchema: { type: 'object', ...random.members(3) } }),
    ...(random.below(2) === 1 && { annotations: { readOnlyHint: true, ...random.members(2) } }),
    ...(random.below(2) === 1 && { _meta: { 'example.com/kept': random.json(4) } }),
  }
}

function deep(random: Random, levels: number): Json {
  return levels === 0
    ? random.json(0)
    : random.below(2) === 1
      ? [deep(random, levels - 1)]
      : { in: deep(random, levels - 1) }
}
