// docs/storage-schema.md names every model that there is: those of our own flows by their constants, those of the engine by what it
// is configured to keep.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

/** What oidc-provider keeps with the features that are on. */
const ofEngine = [
  'AuthorizationCode',
  'Client',
  'DeviceCode',
  'Grant',
  'Interaction',
  'RefreshToken',
  'ReplayDetection',
  'Session',
]

test('the documentation lists the models of the code, and no others', () => {
  const sources = globSync('**/*.ts', {
    cwd: import.meta.dirname,
    exclude: ['**/*.test.ts', '**/suites/**', '**/harness/**'],
  })
  const own = sources.flatMap((file) => {
    const source = readFileSync(join(import.meta.dirname, file), 'utf8')
    return [...source.matchAll(/^(?:export )?const (?:model|\w+Model) = '(\w+)'$/gm)].map(([, model]) => model)
  })
  expect(own.length).toBeGreaterThan(7)
  const docs = readFileSync(join(import.meta.dirname, '../../../docs/storage-schema.md'), 'utf8')
  const section = docs.split('### Models')[1]?.split('###')[0] ?? ''
  const cells = section.split('\n').flatMap((line) => /^\| (`.*?) \|/.exec(line)?.[1] ?? [])
  const listed = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, model]) => model))
  expect(listed.sort()).toEqual([...new Set([...own, ...ofEngine])].sort())
})
