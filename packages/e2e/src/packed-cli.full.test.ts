// The `gatehouse` command as somebody else gets it: packed, installed by npm into an empty folder, run. What it depends on
// comes from npm.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts, repository, startProcess } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

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

test('it protects a command from there, with the guard of its processes beside it', async () => {
  const servers = createRequire(join(repository, 'apps/mcp/package.json'))
  const manifest = servers.resolve('@modelcontextprotocol/server-everything/package.json')
  const [port = 0] = await freePorts(1)
  const program = [process.execPath, join(dirname(manifest), 'dist/index.js'), 'stdio']
  await using gatehouse = startProcess(['protect', '--port', String(port), '--', ...program], {
    command: join(folder, 'node_modules', '.bin', 'gatehouse'),
    cwd: folder,
    env: { GATEHOUSE_HOME: join(folder, 'home'), PATH: process.env.PATH ?? '' },
  })
  await gatehouse.says(/Connect:/)
  expect(gatehouse.output()).toContain(`claude mcp add --transport http everything http://localhost:${port}/mcp`)
  expect((await fetch(`http://localhost:${port}/mcp`, { method: 'POST' })).status).toBe(401)
  expect(existsSync(join(inside(), 'lib', 'guard.js'))).toBe(true)
  gatehouse.signal('SIGTERM')
  expect((await gatehouse.exited).code, gatehouse.output()).toBe(0)
})
