// `npm start -- protect`: other people's servers, behind a sign-in by one command.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  createClientHome,
  createPerson,
  freePorts,
  promptOf,
  type RunningProcess,
  repository,
  startProcess,
} from '@gatehouse/testing'
import { expect, test } from 'vitest'

const servers = createRequire(join(repository, 'apps/mcp/package.json'))
const programOf = (name: string) => {
  const manifest = servers.resolve(`@modelcontextprotocol/${name}/package.json`)
  return join(dirname(manifest), 'dist/index.js')
}

/** Two ports side by side: the resource's, and the next. */
async function protect(...target: readonly string[]) {
  const [port = 0] = await freePorts(1)
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-protect-'))
  writeFileSync(join(folder, 'a.txt'), 'what the file says')
  const state = mkdtempSync(join(tmpdir(), 'gatehouse-protect-state-'))
  const lifetimes = { AUTH_LIFETIMES: JSON.stringify({ deviceInterval: 1 }) }
  const env = { ...lifetimes, GATEHOUSE_HOME: state, GATEHOUSE_CALLED_FROM: folder, PATH: process.env.PATH ?? '' }
  const running = startProcess(['packages/cli/src/main.ts', 'protect', '--port', String(port), ...target], { env })
  const site = { resource: `http://localhost:${port}/mcp`, issuer: `http://localhost:${port + 1}` }
  return { running, site, folder, state }
}

type Site = Parameters<typeof createPerson>[0] & Parameters<typeof createClientHome>[0]

async function signedInCall(site: Site, ...call: readonly string[]): Promise<RunningProcess> {
  using home = createClientHome(site)
  return signIn(home, site, ...call)
}

async function signIn(
  home: ReturnType<typeof createClientHome>,
  site: Site,
  ...call: readonly string[]
): Promise<RunningProcess> {
  const client = home.run(...(call.length > 0 ? ['call', ...call] : ['login']), '--device')
  const { code } = await promptOf(client)
  const person = createPerson(site, { forwarded: false })
  await person.enterCode(code)
  await person.logIn()
  await person.approve()
  await client.exited
  return client
}

test('a command: found, signed in to by a device, called, and asked for our keys in vain', async () => {
  const { running, site, folder, state } = await protect('--', process.execPath, programOf('server-filesystem'), '.')
  await using protecting = running
  await protecting.says(/Connect:/)
  expect(protecting.output()).toMatch(/Tools {9}\d+, \d+ of which may change or delete things/)
  const read = await signedInCall(site, 'read_text_file', JSON.stringify({ path: join(folder, 'a.txt') }))
  expect(read.output()).toContain('what the file says')
  const [secret] = /[^\s]*\/protect\/[0-9a-f]{16}/.exec(protecting.output()) ?? []
  expect(secret).toContain(state)
  const stolen = await signedInCall(site, 'read_text_file', JSON.stringify({ path: join(secret ?? '', 'auth.secret') }))
  expect(stolen.output()).toMatch(/denied|outside/i)
  protecting.signal('SIGTERM')
  expect((await protecting.exited).code, protecting.output()).toBe(0)
})

test('doctor says through the gateway that the server behind it is gone', async () => {
  const [port = 0] = await freePorts(1)
  const env = { PORT: String(port), PATH: process.env.PATH ?? '' }
  const server = spawn(process.execPath, [programOf('server-everything'), 'streamableHttp'], { env, stdio: 'ignore' })
  const ended = once(server, 'exit')
  const isUp = () =>
    fetch(`http://localhost:${port}/mcp`).then(
      ({ status }) => status,
      () => 0,
    )
  await expect.poll(isUp, { timeout: 10_000 }).toBeGreaterThan(0)
  const { running, site } = await protect(`http://localhost:${port}/mcp`)
  await using protecting = running
  await protecting.says(/Connect:/)
  using home = createClientHome(site)
  const doctor = async () => {
    const examining = home.run('doctor', '--no-register')
    await examining.exited
    return examining.output()
  }
  expect(await doctor()).not.toContain('upstream-')
  await signIn(home, site)
  expect(await doctor()).not.toContain('upstream-')
  server.kill()
  await ended
  const called = home.run('call', 'echo', '{"message":"hi"}')
  await called.exited
  const said = await doctor()
  expect(said).toContain('upstream-unreachable')
  expect(said).toContain('Fix: Start it')
})

test('what cannot be protected is told in a line, with what to do', async () => {
  const [port = 0] = await freePorts(1)
  const { running } = await protect(`http://localhost:${port}/mcp`)
  await using failing = running
  expect((await failing.exited).code).toBe(6)
  expect(failing.output()).toContain(`Nothing answers at http://localhost:${port}/mcp`)
  expect(failing.output()).toContain('Start it')
})
