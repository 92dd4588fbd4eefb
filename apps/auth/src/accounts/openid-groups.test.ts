// Groups by what Google and other OpenID providers say, whatever they say.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeOpenIdProvider, type FakeOpenIdProvider } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Browser } from '../harness/browser.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice } from '../harness/flows.ts'

const resource = 'https://mcp.example.com/mcp'
const odd = ['/org/Team A', 'a:b', 'O\'Brien "x" & Söhne', '财务', '{"a":1}', '*']
const groups = {
  finance: ['oidc-group:Example Corp./fin', ...odd.map((name) => `oidc-group:example-corp/${name}`)],
  partners: ['oidc-group:Partner Ltd./fin'],
  company: ['google-domain:Bücher.example'],
  mail: ['email-domain:example.com'],
}

let folder: string
let server: AuthServer
type Id = 'google' | 'oidc' | 'oidc-partner-ltd'
let providers: Readonly<Record<Id, FakeOpenIdProvider>>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-groups-'))
  const [google, oidc, partner] = await Promise.all([1, 2, 3].map(() => createFakeOpenIdProvider()))
  if (!google || !oidc || !partner) throw new Error('there is no provider')
  providers = { google, oidc, 'oidc-partner-ltd': partner }
  const settings = (name: string, provider: FakeOpenIdProvider) => ({
    [`${name}_CLIENT_ID`]: provider.clientId,
    [`${name}_CLIENT_SECRET`]: provider.clientSecret,
    [`${name}_ISSUER`]: provider.issuer,
  })
  write(groups)
  server = await startAuthServer({
    environment: {
      GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml'),
      AUTH_DEV_LOGIN: 'false',
      ...settings('GOOGLE', google),
      ...settings('OIDC', oidc),
      OIDC_LABEL: 'Example Corp.',
      OIDC_PROVIDERS: JSON.stringify([{ ...settings('OIDC', partner), OIDC_LABEL: 'Partner Ltd.' }]),
    },
  })
})
afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  for (const provider of Object.values(providers)) {
    for (const token of provider.issued) evidence.plant('upstream token', token)
    await provider[Symbol.asyncDispose]()
  }
  rmSync(folder, { recursive: true })
})

function write(all: Readonly<Record<string, readonly string[]>>) {
  const endpoints = [{ resource, name: 'Tools', groups: Object.keys(all) }]
  const file = { version: 1, endpoints, upstreams: { ledger: { command: ['x'] } }, groups: all }
  writeFileSync(join(folder, 'gatehouse.yaml'), JSON.stringify(file))
}

async function goTo(browser: Browser, id: Id): Promise<URL> {
  const href = new RegExp(`href="(/interaction/[^"]+/login/${id})"`).exec(browser.page.html)?.[1]
  const { leftTo, text } = await browser.open(href ?? `/no-button-for-${id}`)
  if (!leftTo) throw new Error(`the browser was not sent to ${id}: ${text}`)
  return leftTo
}

/** Signs in on a device as somebody of whom the provider says this; returns what the token names. */
async function groupsWith(
  id: Id,
  { claims, userinfo }: { readonly claims?: Record<string, unknown>; readonly userinfo?: Record<string, unknown> },
): Promise<unknown> {
  providers[id].users.set('somebody', { sub: 'somebody', ...(claims && { claims }), ...(userinfo && { userinfo }) })
  const device = await askAsDevice(server, { resource })
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  const authorize = await goTo(browser, id)
  const body = new URLSearchParams([...authorize.searchParams, ['user', 'somebody']])
  const answer = await fetch(authorize.origin + authorize.pathname, { method: 'POST', body, redirect: 'manual' })
  const callback = answer.headers.get('location') ?? ''
  evidence.plant('upstream code', new URL(callback).searchParams.get('code'))
  await browser.open(callback, { 'sec-fetch-site': 'cross-site' })
  expect((await browser.approve()).status).toBe(200)
  const { status, json, text } = await device.poll()
  expect(status, text).toBe(200)
  return decodeJwt(json.access_token ?? '').groups
}

test('what a provider calls a group counts for that provider alone, to the letter', async () => {
  for (const name of ['fin', ...odd])
    expect([name, await groupsWith('oidc', { claims: { groups: ['else', name] } })]).toEqual([name, ['finance']])
  expect(
    await groupsWith('oidc', { claims: { groups: ['FIN', 'fin ', '/org/team a', 'a', 'finance'] } }),
  ).toBeUndefined()
  expect(await groupsWith('oidc-partner-ltd', { claims: { groups: ['fin'] } })).toEqual(['partners'])
  expect(await groupsWith('google', { claims: { groups: ['fin'] } })).toBeUndefined()
}, 20_000)

test('the claim may be at userinfo alone; the scope is asked for where there is one', async () => {
  expect(await groupsWith('oidc', { userinfo: { groups: ['fin'] } })).toEqual(['finance'])
  const scopes: Record<string, string | null> = {}
  for (const offered of [
    ['openid', 'email'],
    ['openid', 'email', 'groups'],
  ]) {
    const fresh = providers['oidc-partner-ltd']
    fresh.metadata = { scopes_supported: offered }
    // what a provider publishes is read once an hour
    server.elapse(3_601)
    const device = await askAsDevice(server, { resource })
    const browser = server.openBrowser()
    await browser.enterCode(device.userCode)
    scopes[offered.join(' ')] = (await goTo(browser, 'oidc-partner-ltd')).searchParams.get('scope')
  }
  expect(scopes).toEqual({ 'openid email': 'openid email', 'openid email groups': 'openid email groups' })
})

test('hd is the word of Google alone, compared in lower case and punycode', async () => {
  expect(await groupsWith('google', { claims: { hd: 'BÜCHER.example' } })).toEqual(['company'])
  expect(await groupsWith('google', { claims: { hd: 'xn--bcher-kva.example' } })).toEqual(['company'])
  for (const hd of ['sub.bücher.example', ['bücher.example'], { toLowerCase: 1 }, '', 'x'.repeat(10_000)])
    expect([hd, await groupsWith('google', { claims: { hd } })]).toEqual([hd, undefined])
  expect(await groupsWith('oidc', { claims: { hd: 'bücher.example' } }), 'of another provider').toBeUndefined()
})

test('an address counts if it is verified, at whichever login', async () => {
  const email = 'somebody@EXAMPLE.com'
  for (const id of ['google', 'oidc'] as const) {
    expect(await groupsWith(id, { claims: { email, email_verified: true } })).toEqual(['mail'])
    expect(await groupsWith(id, { claims: { email, email_verified: false } })).toBeUndefined()
    expect(await groupsWith(id, { claims: { email, hd: 'example.com' } })).toBeUndefined()
  }
})

const keptOf = async (subject: string) =>
  (await server.store.records.find('Account', subject))?.payload as { facts: { groups?: readonly string[] } }

test('of ten thousand groups those that count are found, and few others are kept', async () => {
  const many = Array.from(
    { length: 10_000 },
    (_, index) => `8f2a61d0-7c53-4b1e-9d4f-${String(index).padStart(12, '0')}`,
  )
  expect(await groupsWith('oidc', { claims: { groups: [...many, 'fin'] } })).toEqual(['finance'])
  const { facts } = await keptOf('oidc:example-corp:somebody')
  expect(facts.groups).toEqual(['fin', ...many.slice(0, 100)])
})

test('a hostile claim puts nobody into a group, and keeps nobody out of the server', async () => {
  const nested = (depth: number): unknown => (depth === 0 ? 'fin' : [nested(depth - 1)])
  const claims: readonly unknown[] = [
    'fin',
    'finance',
    { 0: 'fin', length: 1 },
    { fin: true },
    true,
    7,
    [nested(20)],
    [{ name: 'fin', toString: 'fin' }, 7, null, true],
    ['\u0000fin', 'fin\n', '\ud800', 'x'.repeat(100_000)],
    ['__proto__', 'constructor', 'toString'],
    [],
  ]
  for (const hostile of claims) {
    const named = await groupsWith('oidc', { claims: { groups: hostile } })
    expect([JSON.stringify(hostile).slice(0, 60), named]).toEqual([JSON.stringify(hostile).slice(0, 60), undefined])
  }
  const { facts } = await keptOf('oidc:example-corp:somebody')
  expect(facts.groups).toEqual([])
  expect(await groupsWith('oidc', { claims: { groups: ['x'.repeat(100_000), { fin: 1 }, 'fin'] } })).toEqual([
    'finance',
  ])
  expect((await keptOf('oidc:example-corp:somebody')).facts.groups).toEqual(['fin'])
}, 20_000)

provesSecrecy()
