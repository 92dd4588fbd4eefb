// The `gatehouse` command as somebody else gets it: packed, installed by npm into an empty folder, run. What it depends on
// comes from npm.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProcess } from './harness/process.ts'
import { repository } from './harness/repository.ts'

let folder: string
const run = (command: string, args: readonly string[], cwd: string) => promisify(execFile)(command, args, { cwd })
const inside = () => join(folder, 'node_modules', '@gatehouse', 'cli')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-cli-'))
  const packed = await run(
    'pnpm',
    ['pack', '--json', '--pack-destination', folder],
    join(repository, 'packages', 'cli'),
  )
  const { filename } = JSON.parse(packed.stdout.slice(packed.stdout.search(/^\{/m)))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', filename], folder)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('it needs public packages only, each at a version', () => {
  const { dependencies, bin } = JSON.parse(readFileSync(join(inside(), 'package.json'), 'utf8'))
  expect(Object.keys(bin)).toEqual(['gatehouse'])
  expect(Object.keys(dependencies).filter((name) => name.startsWith('@gatehouse/'))).toEqual([])
  for (const range of Object.values(dependencies)) expect(range).toMatch(/^[~^]?\d/)
})

test('it runs where it was installed, and says what it can do', async () => {
  await using gatehouse = startProcess(['--help'], {
    command: join(folder, 'node_modules', '.bin', 'gatehouse'),
    cwd: folder,
  })
  expect(await gatehouse.exited).toMatchObject({ code: 0 })
  for (const command of ['login', 'call', 'doctor']) expect(gatehouse.stdout()).toContain(`\n  ${command}`)
})
