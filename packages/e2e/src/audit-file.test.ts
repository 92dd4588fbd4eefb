// The file of an audit in the hands of an operator: moved away, with a signal and without, over a restart, to the last line.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditLine } from '@gatehouse/shared'
import { freePorts, startProcess } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { register } from './replicas/wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-audit-file-'))
const file = join(folder, 'audit.jsonl')
const moved = `${file}.1`
let issuer: string
let env: Record<string, string>

beforeAll(async () => {
  const [port = 0] = await freePorts(1)
  issuer = `http://localhost:${port}`
  env = {
    PORT: `${port}`,
    AUTH_ISSUER: issuer,
    DATA_DIR: join(folder, 'data'),
    TRUST_PROXY: '127.0.0.1, ::1',
    AUDIT_TO: file,
    AUDIT_CHAIN: 'on',
  }
})
afterAll(() => rmSync(folder, { recursive: true }))

async function startService() {
  const service = startProcess(['apps/auth/src/main.ts'], { env })
  await service.says(/the authorization server listens/)
  return service
}
const registerAs = async (name: string) => expect((await register({ issuer, resource: '' }, name)).status).toBe(201)
const namesIn = (path: string) =>
  existsSync(path) &&
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .flatMap((text) => auditLine.parse(JSON.parse(text)).clientName ?? [])

test('a file may be moved away while lines are written, with a signal or without; nothing else is needed', async () => {
  await using service = await startService()
  await registerAs('One')
  await expect.poll(() => namesIn(file)).toEqual(['One'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
  renameSync(file, moved)
  await registerAs('Two')
  await expect.poll(() => namesIn(file)).toEqual(['Two'])
  expect(namesIn(moved)).toEqual(['One'])
  // without a file of the gateway it would end a process that does not listen to it
  service.signal('SIGHUP')
  await registerAs('Three')
  await expect.poll(() => namesIn(file)).toEqual(['Two', 'Three'])
  await registerAs('Four')
  service.signal('SIGTERM')
  expect((await service.exited).code).toBe(0)
  expect(namesIn(file), 'what waited left before the end').toEqual(['Two', 'Three', 'Four'])
})

test('a chain goes on over a restart, and its files are verified one after the other', async () => {
  await using service = await startService()
  await registerAs('Five')
  await expect.poll(() => namesIn(file)).toContain('Five')
  service.signal('SIGKILL')
  await service.exited
  const verify = async (...files: readonly string[]) => {
    await using running = startProcess(['packages/cli/src/main.ts', 'audit', 'verify', ...files, '--json'])
    const { code } = await running.exited
    return { code, ...JSON.parse(running.stdout()) }
  }
  expect(await verify(moved, file)).toMatchObject({ code: 0, ok: true, writers: 2, faults: [] })
  const { code, notes } = await verify(file)
  expect([code, notes], 'the file before it is missing').toEqual([
    0,
    expect.arrayContaining([expect.stringContaining('begins with its line')]),
  ])
})
