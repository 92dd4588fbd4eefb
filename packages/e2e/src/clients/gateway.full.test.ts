// Other people's clients and other people's servers, with the gateway between them: a command over stdio that is a reference
// server, signed in to by whatever way each client has.
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
import { afterAll, beforeAll, expect, test } from 'vitest'
import { secretsInLogs } from '../harness/secrets.ts'
import { type RunningSite, startSite } from './site.ts'

const servers = createRequire(join(repository, 'apps/mcp/package.json'))
const programOf = (name: string) => {
  const manifest = servers.resolve(`@modelcontextprotocol/${name}/package.json`)
  return join(dirname(manifest), 'dist/index.js')
}

let site: RunningSite

beforeAll(async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'gatehouse-gateway-')), 'gatehouse.json')
  const upstreams = {
    everything: { command: [process.execPath, programOf('server-everything'), 'stdio'] },
    files: { command: [process.execPath, programOf('server-filesystem'), import.meta.dirname] },
  }
  writeFileSync(file, JSON.stringify({ version: 1, upstreams }))
  site = await startSite([], { GATEHOUSE_CONFIG: file, PATH: process.env.PATH ?? '' })
})
afterAll(() => site[Symbol.asyncDispose]())

async function approveInBrowser(client: RunningProcess): Promise<void> {
  const [address] = await client.says(new RegExp(`${site.issuer}/authorize\\?\\S+`))
  const person = createPerson(site)
  await person.open(address)
  await person.logIn()
  const { leftTo, text } = await person.approve()
  if (!leftTo) throw new Error(text)
  await (await fetch(leftTo)).text()
}

async function approveDevice(code: string): Promise<void> {
  const person = createPerson(site)
  await person.enterCode(code)
  await person.logIn()
  expect((await person.approve()).heading).toBe('You are signed in on your device')
}

test('our command, by device login: two servers, each under its name', async () => {
  using home = createClientHome(site)
  await using first = home.run('call', 'everything__echo', '{"message":"hi"}', '--device')
  await approveDevice((await promptOf(first)).code)
  expect((await first.exited).code, first.output()).toBe(0)
  expect(first.output()).toContain('Echo: hi')
  await using second = home.run('call', 'files__list_allowed_directories', '{}')
  expect((await second.exited).code, second.output()).toBe(0)
  expect(second.output()).toContain('packages/e2e/src/clients')
  await using tools = home.run('tools', '--json')
  expect((await tools.exited).code, tools.output()).toBe(0)
  expect(tools.stdout()).toContain('everything__get-sum')
  expect(secretsInLogs(site.logs(), { home: home.path })).toEqual([])
})

test.each(['legacy', 'modern'])('Inspector, by the browser, in the %s era', async (era) => {
  const path = site.folder('inspector')
  const [port] = await freePorts(1)
  const program = 'packages/e2e/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'
  const call = ['--method', 'tools/call', '--tool-name', 'everything__echo', '--tool-arg', 'message=hi']
  const target = ['--server-url', site.resource, '--transport', 'http', '--protocol-era', era]
  const callback = ['--callback-url', `http://127.0.0.1:${port}/oauth/callback`]
  const env = { HOME: path, MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' }
  await using inspector = startProcess([program, '--cli', '--format', 'json', ...callback, ...target, ...call], {
    env,
    input: 'y\n',
  })
  await approveInBrowser(inspector)
  expect((await inspector.exited).code, inspector.output()).toBe(0)
  expect(JSON.parse(inspector.stdout())).toMatchObject({ result: { content: [{ type: 'text', text: 'Echo: hi' }] } })
})

test.each(['legacy', 'auto'])('mcp-remote, by the browser, in protocol mode %s', async (mode) => {
  const home = site.folder('mcp-remote')
  const protocol = mode === 'auto' ? ['--protocol', 'auto'] : []
  const program = 'packages/e2e/node_modules/mcp-remote/dist/client.js'
  await using remote = startProcess([program, site.resource, ...protocol], {
    env: { HOME: home, MCP_REMOTE_CONFIG_DIR: home },
    input: '',
  })
  await approveInBrowser(remote)
  expect((await remote.exited).code, remote.output()).toBe(0)
  expect(remote.output()).toContain('"name": "everything__echo"')
  expect(remote.output()).toContain('"name": "files__read_text_file"')
})
