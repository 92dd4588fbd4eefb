// The engine's version, and the page that says what relies on it.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'

const reviewed = '9.13.3'
const page = readFileSync(new URL('../../../../docs/engine.md', import.meta.url), 'utf8')
const manifest = createRequire(import.meta.url).resolve('oidc-provider/package.json')

test('the engine is of the version that docs/engine.md was walked for', () => {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  expect(version, `oidc-provider is ${version}: walk docs/engine.md, then write it here`).toBe(reviewed)
})

test('every file that docs/engine.md names is there', () => {
  const paths = [...page.matchAll(/`((?:\.\.\/)?[a-z][\w/.-]*\.ts)`/g)].map(([, path = '']) => path)
  const gone = paths.filter((path) => !existsSync(new URL(path, import.meta.url)))
  expect(paths.length).toBeGreaterThan(50)
  expect(gone).toEqual([])
})
