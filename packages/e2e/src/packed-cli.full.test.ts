// The `gatehouse` command as somebody else gets it: packed, installed by npm into an empty folder, run. What it depends on
// comes from npm.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePorts, repository, startProcess } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installPacked, type PackedFolder } from './harness/packed.ts'

let folder: PackedFolder
const inside = () => join(folder.path, 'node_modules', '@gatehouse', 'cli')

beforeAll(async () => {
  folder = await installPacked(['cli'])
}, 300_000)
afterAll(() => folder[Symbol.dispose]())

test('it needs public packages only, each at a version', () => {
  const { dependencies, bin } = JSON.parse(readFileSync(join(inside(), 'package.json'), 'utf8'))
  expect(Object.keys(bin)).toEqual(['gatehouse'])
  expect(Object.keys(dependencies).filter((name) => name.startsWith('@gatehouse/'))).toEqual([])
  for (const range of Object.values(dependencies)) expect(range).toMatch(/^[~^]?\d/)
  expect(readFileSync(join(inside(), 'LICENSE'), 'utf8')).toContain('MIT License')
})

test('it runs where it was installed, and says what it can do', async () => {
  await using gatehouse = startProcess(['--help'], {
    command: join(folder.path, 'node_modules', '.bin', 'gatehouse'),
    cwd: folder.path,
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
    command: join(folder.path, 'node_modules', '.bin', 'gatehouse'),
    cwd: folder.path,
    env: { GATEHOUSE_HOME: join(folder.path, 'home'), PATH: process.env.PATH ?? '' },
  })
  await gatehouse.says(/Connect:/)
  expect(gatehouse.output()).toContain(`claude mcp add --transport http everything http://localhost:${port}/mcp`)
  expect((await fetch(`http://localhost:${port}/mcp`, { method: 'POST' })).status).toBe(401)
  expect(existsSync(join(inside(), 'lib', 'guard.js'))).toBe(true)
  gatehouse.signal('SIGTERM')
  expect((await gatehouse.exited).code, gatehouse.output()).toBe(0)
})
