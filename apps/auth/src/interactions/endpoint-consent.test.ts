// Several endpoints of one gateway: each is approved by itself, and what is put behind one later is told.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Browser } from '../harness/browser.ts'
import { otherTerminal } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce, errorOf, obtainCode, refresh, refused } from '../harness/flows.ts'
import type { RecordStore } from '../store/contract.ts'

const tools = 'https://mcp.example.com/mcp'
const money = 'https://mcp.example.com/money'
const allScopes = 'mcp:tools:read mcp:tools:call mcp:tools:notify'

let gatehouseConfig: string
beforeEach(() => {
  gatehouseConfig = join(mkdtempSync(join(tmpdir(), 'gatehouse-endpoint-consent-')), 'gatehouse.yaml')
})
afterEach(() => rmSync(join(gatehouseConfig, '..'), { recursive: true }))

/** What stands behind the one endpoint from now on; behind the other it stays the same. `rules`: lines of the file. */
function putBehind(names: readonly string[], server?: AuthServer, rules: readonly string[] = []) {
  const upstreams = ['github', 'docs', 'ledger'].map((name) => `  ${name}: { url: "https://${name}.example.com/mcp" }`)
  const endpoints = [
    `  - { resource: ${tools}, name: Company tools, upstreams: [${names}] }`,
    `  - { resource: ${money}, name: Money, upstreams: [ledger] }`,
  ]
  writeFileSync(
    gatehouseConfig,
    ['version: 1', 'endpoints:', ...endpoints, 'upstreams:', ...upstreams, ...rules].join('\n'),
  )
  server?.hangUp()
}
async function start(names: readonly string[], options: Parameters<typeof startAuthServer>[0] = {}) {
  putBehind(names)
  return startAuthServer({ ...options, environment: { GATEHOUSE_CONFIG: gatehouseConfig } })
}

/** The text of the page that asks for an approval in the browser. */
async function consentTo(browser: Browser, changes: Readonly<Record<string, string>> = {}): Promise<string> {
  await browser.open(authorizePath(createPkce().challenge, { resource: tools, ...changes }))
  const { heading, text } = browser.page.heading === 'Sign in' ? await browser.logIn() : browser.page
  expect(heading).toBe('An app wants to use your account')
  return text
}

/** The same, for a device. */
async function deviceConsentTo(server: AuthServer, browser: Browser): Promise<string> {
  await browser.open('/device')
  await browser.enterCode((await askAsDevice(server, { resource: tools })).userCode)
  const { heading, text } = browser.page.heading.startsWith('Sign in') ? await browser.logIn() : browser.page
  expect(heading).toBe('A device wants to use your account')
  return text
}

test('each endpoint is approved by itself, with its servers and its scopes; those of another one are dropped', async () => {
  await using server = await start(['github', 'builtin'])
  const notify = 'Send you notifications while it works'
  for (const [resource, shown, hidden, scope] of [
    [tools, ['Company tools : github, builtin', tools, notify], ['Money', 'ledger', 'New at'], allScopes],
    [money, ['Money : ledger', money], ['Company tools', 'github', 'New at', notify], 'mcp:tools:read mcp:tools:call'],
  ] as const) {
    const asked = { resource, scope: allScopes }
    const inBrowser = await consentTo(server.openBrowser(), asked)
    const device = await askAsDevice(server, asked)
    const browser = server.openBrowser()
    await browser.enterCode(device.userCode)
    const onDevice = (await browser.logIn()).text
    for (const text of [inBrowser, onDevice]) {
      for (const words of shown) expect(text).toContain(words)
      for (const words of hidden) expect(text).not.toContain(words)
    }
    await browser.approve()
    const { redeem } = await obtainCode(server, { changes: asked })
    for (const { json } of [await device.poll(), await redeem()]) {
      expect(json.scope).toBe(scope)
      expect(decodeJwt(json.access_token ?? '').aud).toBe(resource)
    }
  }
})

test('what was approved for one endpoint gives no token for another', async () => {
  await using server = await start(['github'])
  const { redeem } = await obtainCode(server, { changes: { resource: tools } })
  expect(errorOf(await redeem({ resource: money }))).toEqual(refused(400, 'invalid_target'))
  const { json } = await redeem()
  const elsewhere = await refresh(server, json.refresh_token, { resource: money })
  expect(errorOf(elsewhere)).toEqual(refused(400, 'invalid_target'))
  const { json: refreshed } = await refresh(server, json.refresh_token)
  expect(decodeJwt(refreshed.access_token ?? '').aud).toBe(tools)
})

test('an endpoint that gains a server says so at the next sign-in, in any browser, until that is approved', async () => {
  await using server = await start(['github'])
  const { redeem } = await obtainCode(server, { changes: { resource: tools } })
  const { refresh_token: token } = (await redeem()).json
  const browser = server.openBrowser()
  expect(await consentTo(browser)).not.toContain('New at')

  putBehind(['github', 'docs', 'ledger'], server)
  expect((await refresh(server, token)).status, 'the sign-in that there is goes on').toBe(200)
  const words =
    'New at Company tools : docs, ledger They were added after you approved this app. The app may use them, too.'
  expect(await consentTo(browser)).toContain(words)
  await browser.refuse()
  expect(await consentTo(browser, { prompt: 'login' })).toContain(words)
  expect(await consentTo(browser, { resource: money }), 'another endpoint').not.toContain('New at')
  expect(await consentTo(browser, { client_id: otherTerminal.client_id }), 'a new app').not.toContain('New at')
  expect(await deviceConsentTo(server, browser)).toContain(words)
  await browser.approve()
  expect(await consentTo(browser)).not.toContain('New at')
  expect(await deviceConsentTo(server, server.openBrowser())).not.toContain('New at')
})

test('what somebody else approved, and what was disconnected, does not count', async () => {
  await using server = await start(['github'])
  const browser = server.openBrowser()
  const { redeem } = await obtainCode(server, { changes: { resource: tools }, browser })
  const { refresh_token: token } = (await redeem()).json
  putBehind(['github', 'docs'], server)
  const other = server.openBrowser()
  await other.open(authorizePath(createPkce().challenge, { resource: tools }))
  expect((await other.logIn('bob')).text).not.toContain('New at')
  expect(await consentTo(browser)).toContain('New at Company tools : docs It was added')
  await server.post('/revoke', { client_id: 'terminal', token: token ?? '' })
  expect(await consentTo(browser)).not.toContain('New at')
})

test('an endpoint that loses a server says nothing, nor when it gets it back', async () => {
  await using server = await start(['github', 'docs'])
  const browser = server.openBrowser()
  await obtainCode(server, { changes: { resource: tools }, browser })
  for (const names of [['github'], ['github', 'docs']]) {
    putBehind(names, server)
    const text = await consentTo(browser)
    expect(text).toContain(`Company tools : ${names.join(', ')}`)
    expect(text).not.toContain('New at')
    await browser.approve()
  }
})

/** Writes the first grant as a release does that does not keep what was shown. */
function forgetful(put: RecordStore['put']): RecordStore['put'] {
  let isFirst = true
  return (model, id, payload, ...rest) => {
    const { upstreams: _, ...older } = payload
    const isGrant = model === 'GrantOrigin' && isFirst
    if (isGrant) isFirst = false
    return put(model, id, isGrant ? older : payload, ...rest)
  }
}

test('of a grant that does not say what was shown nothing is new, and the next one says it', async () => {
  await using server = await start(['github'], {
    wrapStore: (store) => ({ ...store, records: { ...store.records, put: forgetful(store.records.put) } }),
  })
  const browser = server.openBrowser()
  await obtainCode(server, { changes: { resource: tools }, browser })
  putBehind(['github', 'docs'], server)
  expect(await consentTo(browser)).not.toContain('New at')
  await browser.approve()
  putBehind(['github', 'docs', 'ledger'], server)
  expect(await consentTo(browser)).toContain('New at Company tools : ledger')
})

test('what is approved is what was shown: where the file changed meanwhile, the page comes again', async () => {
  await using server = await start(['github'])
  const browser = server.openBrowser()
  await consentTo(browser)
  putBehind(['github', 'docs'], server)
  const again = await browser.approve()
  expect(again).toMatchObject({ status: 200, heading: 'An app wants to use your account' })
  expect(again.text).toContain('Company tools : github, docs')
  expect((await browser.approve()).leftTo?.searchParams.get('code')).toBeTruthy()

  await deviceConsentTo(server, browser)
  putBehind(['github', 'docs', 'ledger'], server)
  expect((await browser.approve()).text).toContain('New at Company tools : ledger')
  expect((await browser.approve()).heading).toBe('You are signed in on your device')
  expect(await consentTo(browser)).not.toContain('New at')
})

const rules = [
  'scopes: { "docs:write": "Write & publish documents" }',
  'rules: [{ tools: [docs/*], when: no condition for us, scopes: [docs:write, docs:raw] }]',
]

test('the scopes that rules ask for are shown in the words of the file, are new for who had less, and are in the token', async () => {
  await using server = await start(['github', 'docs'])
  const browser = server.openBrowser()
  const asked = { resource: tools, scope: 'mcp:tools:read mcp:tools:call docs:write docs:raw' }
  await obtainCode(server, { changes: asked, browser })
  putBehind(['github', 'docs'], server, rules)
  const metadata = (await server.get('/.well-known/oauth-authorization-server')).json
  expect(metadata.scopes_supported).toEqual(expect.arrayContaining(['docs:write', 'docs:raw']))
  const text = await consentTo(browser, asked)
  expect(text).toContain('Write & publish documents New')
  expect(text).toContain('docs:raw New')
  expect(text.match(/ New\b/g)).toHaveLength(2)
  await browser.approve()
  const { redeem } = await obtainCode(server, { changes: asked, browser })
  expect((await redeem()).json.scope).toBe(asked.scope)
  // without a word about scopes an app gets what it got before
  const { redeem: redeemPlain } = await obtainCode(server, { changes: { resource: tools, scope: '' } })
  expect((await redeemPlain()).json.scope).toBe('mcp:tools:read mcp:tools:call')
})

test('a scope that comes while the page is open is not approved with it', async () => {
  await using server = await start(['github', 'docs'])
  const browser = server.openBrowser()
  const asked = { resource: tools, scope: 'mcp:tools:call docs:write' }
  expect(await consentTo(browser, asked)).not.toContain('documents')
  putBehind(['github', 'docs'], server, rules)
  expect((await browser.approve()).text).toContain('Write & publish documents')
  expect((await browser.approve()).leftTo?.searchParams.get('code')).toBeTruthy()
})

provesSecrecy()
