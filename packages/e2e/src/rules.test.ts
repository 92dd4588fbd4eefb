// A rule that asks for a scope, from the refusal of a call to its answer, in a real browser and with both services.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Stack, startStack, until } from '@gatehouse/testing'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from './harness/browser.ts'
import { objections } from './harness/objections.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-rules-'))
const gatehouseConfig = join(folder, 'gatehouse.yaml')

let stack: Stack
let browser: PersonBrowser
let app: oauth.Configuration

function writeFile(resource: string, ...rules: readonly string[]) {
  const lines = [
    'version: 1',
    `endpoints: [{ resource: "${resource}", name: Company tools, upstreams: [builtin] }]`,
    'scopes: { "greeting:send": Greet people in your name }',
    ...(rules.length > 0 ? ['rules:', ...rules.map((rule) => `  - ${rule}`)] : []),
  ]
  writeFileSync(`${gatehouseConfig}~`, lines.join('\n'))
  renameSync(`${gatehouseConfig}~`, gatehouseConfig)
}

beforeAll(async () => {
  // its address is known once the services listen
  writeFile('http://localhost:1/mcp')
  const env = { GATEHOUSE_CONFIG: gatehouseConfig }
  ;[stack, browser] = await Promise.all([
    startStack({ env: { auth: { ...env, AUTH_RESOURCES: '' }, mcp: { ...env, MCP_RESOURCE_URL: '' } } }),
    openBrowser(),
  ])
  app = await oauth.dynamicClientRegistration(
    new URL(stack.issuer),
    {
      client_name: 'Weather app',
      grant_types: ['refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'none',
    },
    oauth.None(),
    { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] },
  )
})
afterAll(async () => {
  await Promise.all([browser, stack].map((each) => each[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true })
})

async function post(method: string, params: object, token?: string): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(token && { authorization: `Bearer ${token}` }),
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  return fetch(stack.resource, { method: 'POST', headers, body })
}
const greet = (token: string, name: string) => post('tools/call', { name: 'greet', arguments: { name } }, token)

/** Up to the page. Returns its text, and what gets the tokens. */
async function askFor(person: Person, scope: string) {
  const device = await oauth.initiateDeviceAuthorization(app, { scope, resource: stack.resource })
  await person.open(device.verification_uri_complete ?? '')
  await person.enterCode()
  if ((await person.heading()).startsWith('Sign in')) await person.logInAs('ada')
  const page = await person.page.getByRole('main').innerText()
  return {
    page,
    approve: async () => {
      await person.approve()
      return oauth.pollDeviceAuthorizationGrant(app, device)
    },
  }
}

test('what a call lacks is named, asked of the person in words, marked as new, and opens the tool', async () => {
  writeFile(
    stack.resource,
    `{ tools: [builtin/greet], when: 'args.name != "Eve"', scopes: [greeting:send] }`,
    '{ tools: [builtin/greet], allow: false }',
  )
  const supported = async () => {
    const metadata = await (await fetch(`${stack.issuer}/.well-known/oauth-authorization-server`)).json()
    return (metadata as { readonly scopes_supported: readonly string[] }).scopes_supported
  }
  await until(async () => (await supported()).includes('greeting:send'), 20_000)
  await until(async () => (await post('ping', {})).status === 401, 20_000)

  await using ada = await browser.person()
  const first = await askFor(ada, 'mcp:tools:read mcp:tools:call')
  expect(first.page).not.toContain('Greet people')
  const { access_token: less } = await first.approve()
  const refused = await greet(less, 'Bob')
  expect(refused.status).toBe(403)
  const challenge = refused.headers.get('www-authenticate') ?? ''
  expect(challenge).toContain('error="insufficient_scope"')
  const [, wanted = ''] = /scope="([^"]+)"/.exec(challenge) ?? []
  expect(wanted).toBe('mcp:tools:call greeting:send')
  expect(await (await post('tools/list', {}, less)).text()).not.toContain('"greet"')

  const second = await askFor(ada, `mcp:tools:read ${wanted}`)
  expect(second.page).toMatch(/Greet people in your name\s+New/)
  expect(await objections(ada)).toEqual([])
  await ada.photograph('device-approval-scope-of-a-rule')
  const { access_token: more } = await second.approve()
  expect(await (await greet(more, 'Bob')).text()).toContain('Hello, Bob!')
  expect(await (await greet(more, 'Eve')).text()).toContain('Tool greet not found')
  expect(await (await post('tools/list', {}, more)).text()).toContain('"greet"')
})
