// The coverage gate: what requirements.ts claims is cited by a test, and what a test cites is claimed. It reads the
// source of the tests, so ids are written as literals.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isRequirementId, requirements } from './requirements.ts'

const root = join(import.meta.dirname, '../../..')
const tests = globSync(
  ['apps/*/src/**/*.test.ts', 'apps/*/src/**/{suites,harness}/**/*.ts', 'packages/*/src/**/*.test.ts'],
  {
    cwd: root,
  },
).filter((file) => !file.startsWith('packages/testing/'))

/** One entry for each id of each call of verifies(). */
const citations = tests.flatMap((file) => {
  const source = readFileSync(join(root, file), 'utf8')
  return [...source.matchAll(/\bverifies\(\s*(\[[^\]]*\]|'[^']*'|[^,]*)/g)].flatMap(([, ids = '']) => {
    const literals = [...ids.matchAll(/'([^']*)'/g)].map(([, id = '']) => id)
    return literals.length > 0 ? literals.map((id) => ({ file, id })) : [{ file, id: ids.trim() }]
  })
})

test('every claimed requirement is cited by a test', () => {
  const cited = new Set(citations.map(({ id }) => id))
  const claimed = Object.entries(requirements).filter(([, { status }]) => status === 'claimed')
  const uncited = claimed.filter(([id]) => !cited.has(id)).map(([id, { text }]) => `${id}: ${text}`)
  expect(
    uncited,
    'Claimed in packages/testing/src/requirements.ts, cited by no verifies(): write the test, or say open',
  ).toEqual([])
})

test('every cited id is a requirement, written as a literal', () => {
  const unknown = citations.filter(({ id }) => !isRequirementId(id)).map(({ file, id }) => `${file}: ${id}`)
  expect(unknown, 'Cited by verifies(), unknown to packages/testing/src/requirements.ts').toEqual([])
})

test('every cited requirement is claimed', () => {
  const unclaimed = citations
    .filter(({ id }) => isRequirementId(id) && requirements[id].status !== 'claimed')
    .map(({ file, id }) => `${file}: ${id}`)
  expect(unclaimed, 'Cited by verifies(): say claimed in packages/testing/src/requirements.ts').toEqual([])
})
