// mcp-remote, which brings clients of the local kind to remote servers: every way in that it has, in both protocol modes.
import { createPerson, type RunningProcess, startProcess } from '@gatehouse/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secretsInLogs } from '../harness/secrets.ts'
import { type RunningSite, startSite } from './site.ts'

const program = 'packages/e2e/node_modules/mcp-remote/dist/client.js'
const machine = {
  client_id: 'nightly-report',
  client_secret: 'a-planted-secret-of-the-nightly-report',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}
const machineByPost = { ...machine, client_id: 'weekly-report', token_endpoint_auth_method: 'client_secret_post' }

let site: RunningSite

beforeAll(async () => {
  site = await startSite([machine, machineByPost])
})
afterAll(() => site[Symbol.asyncDispose]())

function openHome() {
  const home = site.folder('mcp-remote')
  const run = (...args: readonly string[]): RunningProcess =>
    startProcess([program, site.resource, ...args], {
      env: { HOME: home, MCP_REMOTE_CONFIG_DIR: home },
      input: '', // it ends with its standard input
    })
  return { home, run }
}

async function approveInBrowser(remote: RunningProcess): Promise<URLSearchParams> {
  const [address] = await remote.says(new RegExp(`${site.issuer}/authorize\\?\\S+`))
  const person = createPerson(site)
  await person.open(address)
  await person.logIn()
  const { leftTo, text } = await person.approve()
  if (!leftTo) throw new Error(text)
  await (await fetch(leftTo)).text()
  return new URL(address).searchParams
}

async function approveDevice(remote: RunningProcess): Promise<void> {
  const [, code = ''] = await remote.says(/user_code=([A-Z]{4}-[A-Z]{4})/)
  const person = createPerson(site)
  await person.enterCode(code)
  await person.logIn()
  expect((await person.approve()).heading).toBe('You are signed in on your device')
}

async function expectConnected(remote: RunningProcess): Promise<void> {
  const { code } = await remote.exited
  expect(code, remote.output()).toBe(0)
  expect(remote.output()).toContain('Connected successfully!')
  expect(remote.output()).toContain('"name": "greet"')
  expect(remote.output()).toContain('Exiting OK')
}

describe.each(['legacy', 'auto'])('protocol mode %s', (mode) => {
  const protocol = mode === 'auto' ? ['--protocol', 'auto'] : []

  test('by device code, and again without asking anybody', async () => {
    const { home, run } = openHome()
    await using first = run('--device-code', ...protocol)
    await approveDevice(first)
    await expectConnected(first)
    await using second = run('--device-code', ...protocol)
    await expectConnected(second)
    expect(second.output()).not.toContain('user_code=')
    expect(secretsInLogs(site.logs(), { home })).toEqual([])
  })

  test.each([machine, machineByPost])(
    'as itself, by its own credentials: $client_id',
    async ({ client_id, client_secret }) => {
      await using remote = openHome().run(
        ...['--client-credentials', ...protocol],
        ...['--static-oauth-client-info', JSON.stringify({ client_id, client_secret })],
      )
      await expectConnected(remote)
    },
  )

  test('by the browser, having registered itself', async () => {
    const { home, run } = openHome()
    await using first = run(...protocol)
    const asked = await approveInBrowser(first)
    expect(asked.get('redirect_uri')).toMatch(/^http:\/\/localhost:\d+\/oauth\/callback$/)
    expect(asked.get('resource')).toBe(site.resource)
    await expectConnected(first)
    await using second = run(...protocol)
    await expectConnected(second)
    expect(second.output()).not.toContain('/authorize?')
    expect(secretsInLogs(site.logs(), { home })).toEqual([])
  })

  test('by the browser, as a client id metadata document', async () => {
    const redirects = ['http://localhost/oauth/callback', 'http://127.0.0.1/oauth/callback']
    const id = site.documents.publish(`/mcp-remote-${mode}.json`, {
      client_name: 'mcp-remote',
      redirect_uris: redirects,
    })
    await using remote = openHome().run('--client-metadata-url', id, ...protocol)
    expect((await approveInBrowser(remote)).get('client_id')).toBe(id)
    await expectConnected(remote)
  })
})
