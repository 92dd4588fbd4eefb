// Two endpoints of one gateway in a real browser: both services follow their file, each endpoint is approved by itself, and
// the page tells which server is new behind one.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Stack, startStack, until } from '@gatehouse/testing'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from './harness/browser.ts'
import { type Callback, openCallback } from './harness/callback.ts'
import { claimsOf } from './harness/claims.ts'
import { objections } from './harness/objections.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-endpoints-'))
const gatehouseConfig = join(folder, 'gatehouse.yaml')
const scope = 'mcp:tools:read mcp:tools:call mcp:tools:notify'
const notify = 'Send you notifications while it works'

let stack: Stack
let browser: PersonBrowser
let callback: Callback
let app: oauth.Configuration
let tools: string
let money: string

/** Nothing answers for the servers but for our own: their names are what counts. */
function writeFile(...endpoints: readonly string[]) {
  const upstreams = ['docs', 'ledger'].map((name) => `  ${name}: { url: "http://localhost:9/${name}" }`)
  writeFileSync(
    `${gatehouseConfig}~`,
    ['version: 1', 'endpoints:', ...endpoints, 'upstreams:', ...upstreams].join('\n'),
  )
  renameSync(`${gatehouseConfig}~`, gatehouseConfig)
}
const endpoint = (resource: string, name: string, ...upstreams: readonly string[]) =>
  `  - { resource: "${resource}", name: ${name}, upstreams: [${upstreams}] }`

beforeAll(async () => {
  // their addresses are known once the services listen
  writeFile(endpoint('http://localhost:1/mcp', 'None yet', 'docs'))
  const env = { GATEHOUSE_CONFIG: gatehouseConfig }
  ;[stack, browser, callback] = await Promise.all([
    startStack({ env: { auth: { ...env, AUTH_RESOURCES: '' }, mcp: { ...env, MCP_RESOURCE_URL: '' } } }),
    openBrowser(),
    openCallback(),
  ])
  tools = stack.resource
  money = stack.resource.replace('/mcp', '/money')
  app = await oauth.dynamicClientRegistration(
    new URL(stack.issuer),
    {
      client_name: 'Weather app',
      redirect_uris: [callback.url],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      token_endpoint_auth_method: 'none',
    },
    oauth.None(),
    { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] },
  )
})
afterAll(async () => {
  await Promise.all([callback, browser, stack].map((each) => each[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true })
})

const main = ({ page }: Person) => page.getByRole('main').innerText()
const logIn = async (person: Person) => {
  if ((await person.heading()).startsWith('Sign in')) await person.logInAs('ada')
}

/** Up to the page that asks for an approval. Returns what gets the tokens. */
async function askInBrowser(person: Person, resource: string) {
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier()
  const url = oauth.buildAuthorizationUrl(app, {
    redirect_uri: callback.url,
    scope,
    resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  await person.open(url.href)
  await logIn(person)
  return async () => {
    const answered = callback.answer()
    await person.approve()
    return oauth.authorizationCodeGrant(app, await answered, { pkceCodeVerifier })
  }
}

/** The same, for a device. */
async function askOnDevice(person: Person, resource: string) {
  const device = await oauth.initiateDeviceAuthorization(app, { scope, resource })
  await person.open(device.verification_uri_complete ?? '')
  await person.enterCode()
  await logIn(person)
  return async () => {
    await person.approve()
    return oauth.pollDeviceAuthorizationGrant(app, device)
  }
}

async function statusAt(url: string, token?: string): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'e2e', version: '1' } },
    }),
  })
  await response.body?.cancel()
  return response.status
}

test('the endpoints of a file that changed are served by both services, and each is approved by itself', async () => {
  writeFile(endpoint(tools, 'Company tools', 'docs', 'builtin'), endpoint(money, 'Money', 'ledger'))
  const listed = async () => {
    const metadata = await (await fetch(`${stack.issuer}/.well-known/oauth-authorization-server`)).json()
    return (metadata as { readonly protected_resources: readonly string[] }).protected_resources.join()
  }
  await until(async () => (await listed()) === [tools, money].join(), 20_000)
  await until(async () => (await statusAt(tools)) === 401 && (await statusAt(money)) === 401, 20_000)

  await using ada = await browser.person()
  for (const [resource, other, shown, hidden] of [
    [tools, money, ['Company tools: docs, builtin', notify], ['Money', 'ledger']],
    [money, tools, ['Money: ledger'], ['Company tools', 'docs', notify]],
  ] as const) {
    for (const askFor of [askInBrowser, askOnDevice]) {
      const approve = await askFor(ada, resource)
      const page = await main(ada)
      for (const words of [...shown, resource]) expect(page).toContain(words)
      for (const words of [...hidden, other, 'New at']) expect(page).not.toContain(words)
      const tokens = await approve()
      expect(claimsOf(tokens.access_token).aud).toBe(resource)
      expect(tokens.scope?.includes('mcp:tools:notify')).toBe(resource === tools)
      expect([await statusAt(resource, tokens.access_token), await statusAt(other, tokens.access_token)]).toEqual([
        200, 401,
      ])
    }
  }
})

test('a server that an endpoint gained is told at the next sign-in; the one that there is goes on', async () => {
  await using ada = await browser.person()
  const { refresh_token: token = '' } = await (await askInBrowser(ada, tools))()
  writeFile(endpoint(tools, 'Company tools', 'docs', 'builtin', 'ledger'), endpoint(money, 'Money', 'ledger'))
  await until(async () => {
    await askInBrowser(ada, tools)
    return (await main(ada)).includes('Company tools: docs, builtin, ledger')
  }, 20_000)
  expect((await oauth.refreshTokenGrant(app, token)).access_token).toBeTruthy()

  const words = 'New at Company tools: ledger\n\nIt was added after you approved this app. The app may use it, too.'
  expect(await main(ada)).toContain(words)
  expect(await objections(ada)).toEqual([])
  await ada.photograph('consent-new-server')
  const approve = await askOnDevice(ada, tools)
  expect(await main(ada)).toContain(words)
  await ada.photograph('device-approval-new-server')
  await approve()
  await askInBrowser(ada, tools)
  expect(await main(ada)).not.toContain('New at')
})
