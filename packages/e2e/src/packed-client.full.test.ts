// `@gatehouse/client` as somebody else gets it: packed with the packages that it is made of, installed by npm into an empty
// folder, compiled against, run.
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, type Stack, startProcess, startStack } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installPacked, type PackedFolder } from './harness/packed.ts'

const packages = ['client', 'doctor', 'network', 'shared']
let folder: PackedFolder
let stack: Stack
const inside = (name: string) => join(folder.path, 'node_modules', '@gatehouse', name)

beforeAll(async () => {
  const sdk = readFileSync(join(repository, 'pnpm-workspace.yaml'), 'utf8').match(
    /"@modelcontextprotocol\/client": (\S+)/,
  )
  folder = await installPacked(packages, [`@modelcontextprotocol/client@${sdk?.[1]}`, '@types/node@24'])
  copyFileSync(join(repository, 'packages/client/examples/auth-provider.ts'), join(folder.path, 'example.ts'))
  stack = await startStack()
}, 300_000)
afterAll(async () => {
  folder[Symbol.dispose]()
  await stack[Symbol.asyncDispose]()
})

test.each(packages)('%s has what its manifest names, its license, and no test', (name) => {
  const { exports, dependencies } = JSON.parse(readFileSync(join(inside(name), 'package.json'), 'utf8'))
  for (const paths of Object.values<Record<string, string>>(exports))
    for (const path of Object.values(paths)) expect(existsSync(join(inside(name), path)), path).toBe(true)
  for (const range of Object.values(dependencies)) expect(range).toMatch(/^[~^]?\d/)
  const files = readdirSync(inside(name), { recursive: true, encoding: 'utf8' })
  expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE']))
  expect(files.filter((file) => /\.test\.|suites|tsbuildinfo|tsconfig/.test(file))).toEqual([])
})

test('a program in TypeScript compiles against it, and one that is wrong does not', async () => {
  writeFileSync(
    join(folder.path, 'wrong.ts'),
    `import { createClient, type Session } from '@gatehouse/client'
     // @ts-expect-error a client of no server
     export const client = createClient({})
     // @ts-expect-error a session has no such member
     export const nothing = (session: Session) => session.nothing`,
  )
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node', '--noEmit']
  const compiler = join(repository, 'node_modules/typescript/bin/tsc')
  const checked = await folder
    .run(process.execPath, [compiler, ...options, '--skipLibCheck', 'example.ts', 'wrong.ts'])
    .catch((error) => error)
  expect(checked.stdout).toBe('')
})

test('it finds the way to the sign-in from there', async () => {
  await using example = startProcess(['example.ts', stack.resource], { command: 'node', cwd: folder.path })
  const [said = ''] = await example.says(/Open (\S+) on any device and enter ([A-Z]{4}-[A-Z]{4})/)
  expect(said).toContain('/device')
})
