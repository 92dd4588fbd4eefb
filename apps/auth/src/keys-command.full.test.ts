// The operator's command as a process of its own, beside a service on SQLite. With Redis: packages/e2e/src/keys.
import { execFile } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AuthServer, createDataDir, startAuthServer } from './harness/auth-server.ts'

const secret = 'the secret of the tests of the authorization server'

let dataDir: string
let server: AuthServer | undefined

beforeAll(async () => {
  dataDir = createDataDir()
  server = await startAuthServer({ dataDir })
})
afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
  rmSync(dataDir, { recursive: true, force: true })
})

const stopService = async () => {
  await server?.[Symbol.asyncDispose]()
  server = undefined
}

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  const command = ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning']
  const file = join(import.meta.dirname, 'keys-command.ts')
  const settings = { PATH: process.env.PATH, DATA_DIR: dataDir, AUTH_SECRET: secret, ...env }
  return new Promise((resolve) => {
    execFile(process.execPath, [...command, file, ...args], { env: settings }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

const list = async () => {
  const { stdout } = await run(['list', '--json'])
  return JSON.parse(stdout) as {
    keys: { kid: string; alg: string; state: string; signsFrom: string }[]
    removed: string[]
  }
}

test('a wrong call is answered with how it is used, and so is a call for help', async () => {
  const wrong = await run(['lsit'])
  expect([wrong.code, wrong.stdout]).toEqual([2, ''])
  expect(wrong.stderr).toMatch(/^There is no command lsit\.\n\nUsage:/)
  expect(await run(['--help'], { AUTH_ISSUER: 'faulty' })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^Usage:/),
    stderr: '',
  })
  expect((await run(['list'], { AUTH_ISSUER: 'faulty' })).stderr).toContain('AUTH_ISSUER must be a URL')
}, 30_000)

test('beside a service without Redis it says to stop it first', async () => {
  const { code, stderr } = await run(['list'])
  expect(code).toBe(1)
  expect(stderr).toContain('in use by another process')
  expect(stderr).toContain('stop the service first')
}, 30_000)

test('what is in the way is said, and nothing is made by looking', async () => {
  const elsewhere = createDataDir()
  expect(await run(['list'], { DATA_DIR: elsewhere })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is no '),
  })
  const redis = { REDIS_URL: `redis://:hidden-password@127.0.0.1:${await freePort()}` }
  expect(await run(['list'], { DATA_DIR: elsewhere, AUTH_SECRET: '', ...redis })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('AUTH_SECRET is not set'),
  })
  const away = await run(['list'], redis)
  expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining('does not answer') })
  expect(away.stderr).not.toContain('hidden-password')
  expect(['auth.sqlite', 'auth.secret'].filter((file) => existsSync(join(elsewhere, file)))).toEqual([])
  rmSync(elsewhere, { recursive: true })
}, 30_000)

test('keys are listed, rotated and removed while the service is stopped, and no private part is printed', async () => {
  await stopService()
  const plain = await run(['list'])
  expect(plain).toMatchObject({ code: 0, stderr: '' })
  expect(plain.stdout.split('\n').map((line) => line.split(/ {2,}/).slice(1, 3).join(' '))).toEqual([
    'alg state',
    'ES256 signing',
    'ES256 next',
    'RS256 signing',
    'RS256 next',
    '',
  ])
  const before = await list()
  const [first, second] = before.keys.map(({ kid }) => kid)
  const states = ['signing', 'next', 'signing', 'next']
  expect(before.keys.map(({ alg }) => alg)).toEqual(['ES256', 'ES256', 'RS256', 'RS256'])
  expect(JSON.stringify(before)).not.toMatch(/"([dxynpq]|d[pq]|qi)"/)

  const early = await run(['rotate'])
  expect(early).toMatchObject({ code: 0, stdout: expect.stringContaining(`${second} signs ES256 from `) })
  expect((await list()).keys.map(({ state }) => state)).toEqual(states)

  const removed = await run(['remove', first ?? ''])
  expect(removed).toMatchObject({ code: 0, stdout: expect.stringContaining(`${second} signs ES256.`) })
  expect(removed.stdout).toContain('published just now')
  const after = await list()
  expect(after.keys.map(({ state }) => state)).toEqual(states)
  expect([after.keys[0]?.kid, after.removed]).toEqual([second, [first]])
  expect((await run(['list'])).stdout).toContain(`${first}  removed`)
  expect((await run(['remove', first ?? ''])).code, 'once more').toBe(0)

  expect(await run(['remove', 'no-such-key'])).toMatchObject({
    code: 1,
    stderr: 'There is no such key: no-such-key\n',
  })
  expect(await run(['list'], { AUTH_SECRET: 'another secret than the one it was sealed with' })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no signing keys that AUTH_SECRET opens'),
  })
  expect((await list()).keys, 'a wrong secret changes nothing').toEqual(after.keys)
}, 60_000)
