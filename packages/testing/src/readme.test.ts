// The code that README.md shows is code that other tests run: of the demonstration, and of examples/guard.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

test.each([
  ['apps/mcp/src/sources/builtin/tools/greet.ts', 'defineTool'],
  ['examples/guard/fastify.ts', 'createGuard'],
])('README.md shows lines of %s', (file, word) => {
  const blocks = [...read('README.md').matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code)
  const shown =
    blocks
      .find((code) => code.includes(word))
      ?.split('\n')
      .filter(Boolean) ?? []
  expect(shown.length).toBeGreaterThan(3)
  const lines = read(file).split('\n')
  for (const line of shown) expect(lines).toContain(line)
})
