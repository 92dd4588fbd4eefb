// The MCP Inspector's command line as people run it: nothing is told but the server's address.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPerson, freePorts, type RunningProcess, startProcess } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { secretsInLogs } from '../harness/secrets.ts'
import { type RunningSite, startSite } from './site.ts'

const program = 'packages/e2e/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'
const redirectUris = ['http://127.0.0.1/oauth/callback']
const byId = {
  client_id: 'inspector',
  client_name: 'Inspector',
  token_endpoint_auth_method: 'none',
  redirect_uris: redirectUris,
}
const bySecret = {
  ...byId,
  client_id: 'inspector-with-a-secret',
  client_secret: 'a-planted-secret-of-the-inspector',
  token_endpoint_auth_method: 'client_secret_post',
}
const greet = ['--method', 'tools/call', '--tool-name', 'greet', '--tool-arg', 'name=world']
const greeting = { result: { content: [{ type: 'text', text: 'Hello, world!' }] } }

let site: RunningSite

beforeAll(async () => {
  site = await startSite([byId, bySecret])
})
afterAll(async () => {
  expect(secretsInLogs(site.logs(), { others: codes })).toEqual([])
  await site[Symbol.asyncDispose]()
})

interface Home {
  readonly run: (...args: readonly string[]) => RunningProcess
}

async function openHome(
  target: readonly string[] = ['--server-url', site.resource, '--transport', 'http'],
): Promise<Home> {
  const path = site.folder('inspector')
  const [port] = await freePorts(1)
  const fixed = ['--cli', '--format', 'json']
  const callback = ['--callback-url', `http://127.0.0.1:${port}/oauth/callback`]
  const env = { HOME: path, MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' }
  // "y" is for its question whether to step up; it asks nothing else
  return { run: (...args) => startProcess([program, ...fixed, ...callback, ...target, ...args], { env, input: 'y\n' }) }
}

/** Codes that were sent back: no log may have them. */
const codes: (string | undefined)[] = []

/** Opens the address that the program prints, signs in and approves; the query of that address. */
async function approve(inspector: RunningProcess): Promise<URLSearchParams> {
  const [address] = await inspector.says(new RegExp(`${site.issuer}/authorize\\?\\S+`))
  const person = createPerson(site)
  await person.open(address)
  await person.logIn()
  const { leftTo, text } = await person.approve()
  if (!leftTo) throw new Error(text)
  codes.push(leftTo.searchParams.get('code') ?? undefined)
  await (await fetch(leftTo)).text()
  return new URL(address).searchParams
}

async function result(inspector: RunningProcess): Promise<unknown> {
  const { code } = await inspector.exited
  expect(code, inspector.output()).toBe(0)
  return JSON.parse(inspector.stdout())
}

test.each(['legacy', 'modern'])('signs in by registration, and calls a tool in the %s era', async (era) => {
  const home = await openHome()
  await using inspector = home.run(...greet, '--protocol-era', era)
  const asked = await approve(inspector)
  expect(asked.get('resource')).toBe(site.resource)
  expect(asked.get('scope')).toContain('mcp:tools:read mcp:tools:call')
  expect(await result(inspector)).toMatchObject(greeting)

  // the next call finds the stored tokens, and may not ask anybody
  await using again = home.run(...greet, '--protocol-era', era, '--stored-auth-only')
  expect(await result(again)).toMatchObject(greeting)
  expect(again.output()).not.toContain('/authorize?')
})

test.each([
  { name: 'an id', options: ['--client-id', byId.client_id] },
  {
    name: 'an id and a secret',
    options: ['--client-id', bySecret.client_id, '--client-secret', bySecret.client_secret],
  },
])('signs in with $name that the operator gave out', async ({ options }) => {
  await using inspector = (await openHome()).run(...greet, ...options)
  expect((await approve(inspector)).get('client_id')).toBe(options[1])
  expect(await result(inspector)).toEqual(greeting)
})

test('signs in by a client id metadata document', async () => {
  const id = site.documents.publish('/inspector.json', { client_name: 'Inspector', redirect_uris: redirectUris })
  await using inspector = (await openHome()).run(...greet, '--client-metadata-url', id)
  expect((await approve(inspector)).get('client_id')).toBe(id)
  expect(await result(inspector)).toEqual(greeting)
})

test('steps up when a tool takes more than it was granted', async () => {
  const config = join(site.folder('inspector'), 'mcp.json')
  const oauth = { scopes: 'mcp:tools:read', onInsufficientScope: 'reauthorize' }
  const entry = { type: 'streamable-http', url: site.resource, oauth }
  writeFileSync(config, JSON.stringify({ mcpServers: { gatehouse: entry } }))
  const home = await openHome(['--config', config, '--server', 'gatehouse'])

  await using list = home.run('--method', 'tools/list')
  const first = await approve(list)
  expect(first.get('scope')?.split(' ')).not.toContain('mcp:tools:call')
  expect(JSON.stringify(await result(list))).toContain('"greet"')

  await using inspector = home.run(...greet)
  const stepUp = await approve(inspector)
  expect(stepUp.get('scope')?.split(' ')).toEqual(expect.arrayContaining(['mcp:tools:read', 'mcp:tools:call']))
  expect(await result(inspector)).toEqual(greeting)
})

test('says what is wrong when nobody may be asked', async () => {
  await using inspector = (await openHome()).run(...greet, '--stored-auth-only')
  expect((await inspector.exited).code).not.toBe(0)
  expect(inspector.stderr()).toContain('auth_required')
})
