// What Google and other OpenID providers say of people is asked again, with the refresh tokens that they give.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeOpenIdProvider, type FakeOpenIdFault, type FakeOpenIdProvider, verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { basic, robot, terminal } from '../harness/clients.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, refresh } from '../harness/flows.ts'

const resource = 'https://mcp.example.com/mcp'
const hour = 3_600
/** Seconds for which facts count that a token may name: it is taken for ten minutes, and for half a minute by a clock that is behind. */
const fresh = hour - 630
const groups = { finance: ['oidc-group:Example Corp./fin'], company: ['google-domain:example.com'] }

let folder: string
let server: AuthServer
type Id = 'google' | 'oidc'
let providers: Readonly<Record<Id, FakeOpenIdProvider>>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-renewal-'))
  const [google, oidc] = await Promise.all([createFakeOpenIdProvider(), createFakeOpenIdProvider()])
  oidc.metadata = { scopes_supported: ['openid', 'email', 'groups', 'offline_access'] }
  providers = { google, oidc }
  for (const id of ['google', 'oidc'] as const) say(id, {})
})
afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  for (const provider of Object.values(providers)) {
    for (const token of provider.issued) evidence.plant('upstream token', token)
    await provider[Symbol.asyncDispose]()
  }
  rmSync(folder, { recursive: true })
})

interface Start {
  readonly all?: Readonly<Record<string, readonly string[]>>
  readonly environment?: Readonly<Record<string, string>>
  readonly dataDir?: string
}
async function start({ all = groups, environment = {}, ...options }: Start = {}) {
  const endpoints = [{ resource, name: 'Tools', groups: Object.keys(all) }]
  const file = { version: 1, endpoints, upstreams: { ledger: { command: ['x'] } }, groups: all }
  writeFileSync(join(folder, 'gatehouse.yaml'), JSON.stringify(file))
  const settings = (name: string, provider: FakeOpenIdProvider) => ({
    [`${name}_CLIENT_ID`]: provider.clientId,
    [`${name}_CLIENT_SECRET`]: provider.clientSecret,
    [`${name}_ISSUER`]: provider.issuer,
  })
  server = await startAuthServer({
    ...options,
    clients: [terminal, { ...robot, client_id: 'guard', resource_server: resource }],
    environment: {
      GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml'),
      AUTH_DEV_LOGIN: 'false',
      AUTH_LIFETIMES: '{"refreshToken":10000000}',
      ...settings('GOOGLE', providers.google),
      ...settings('OIDC', providers.oidc),
      OIDC_LABEL: 'Example Corp.',
      ...environment,
    },
  })
}

interface Said {
  readonly claims?: Record<string, unknown>
  readonly userinfo?: Record<string, unknown>
}
const say = (id: Id, said: Said) => providers[id].users.set('ada', { sub: 'ada', ...said })

interface Tokens {
  access: string
  refresh: string
}
/** What the sign-in asked of the provider, and what came of it. */
async function signIn(id: Id): Promise<Tokens & { readonly asked: URLSearchParams }> {
  const device = await askAsDevice(server, { resource })
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  const button = new RegExp(`href="(/interaction/[^"]+/login/${id})"`).exec(browser.page.html)?.[1] ?? ''
  const { leftTo } = await browser.open(button)
  const asked = leftTo?.searchParams ?? new URLSearchParams()
  const body = new URLSearchParams([...asked, ['user', 'ada']])
  const answer = await fetch(`${leftTo?.origin}${leftTo?.pathname}`, { method: 'POST', body, redirect: 'manual' })
  const callback = answer.headers.get('location') ?? ''
  evidence.plant('upstream code', new URL(callback).searchParams.get('code'))
  await browser.open(callback, { 'sec-fetch-site': 'cross-site' })
  await browser.approve()
  const { status, json, text } = await device.poll()
  expect(status, text).toBe(200)
  return { access: json.access_token ?? '', refresh: json.refresh_token ?? '', asked }
}
/** Changes `tokens`. */
async function renew(tokens: Tokens): Promise<number> {
  const { status, json } = await refresh(server, tokens.refresh)
  if (status === 200) Object.assign(tokens, { access: json.access_token, refresh: json.refresh_token })
  return status
}
const named = ({ access }: Tokens) => decodeJwt(access).groups
const kept = async (id: Id) => {
  const subject = `${id === 'google' ? 'google' : 'oidc:example-corp'}:ada`
  const account = (await server.store.records.find('Account', subject))?.payload as unknown as {
    readonly label: string
    readonly profile: object
    readonly facts: { readonly upstreamToken?: string; readonly groups?: readonly string[] }
  }
  return account
}
async function introspected({ access }: Tokens) {
  const { json } = await server.post('/introspect', { token: access }, basic({ ...robot, client_id: 'guard' }))
  return [json.active, json.groups]
}

const ways = [
  ['oidc', { claims: { groups: ['fin'] } }, ['finance']],
  ['oidc', { userinfo: { groups: ['fin'] } }, ['finance']],
  ['google', { claims: { hd: 'example.com' } }, ['company']],
] as const

for (const [id, said, names] of ways)
  verifies(
    'U8',
    `who leaves a group of ${id}, told by ${Object.keys(said)}, is out of it within the hour`,
    async () => {
      await start()
      say(id, said)
      const ada = await signIn(id)
      expect(named(ada)).toEqual(names)
      const left = Date.now()
      say(id, { claims: { groups: [] } })
      let lastTaken = left
      for (let at = 0; at < hour; at += 30) {
        server.elapse(30)
        expect(await renew(ada)).toBe(200)
        if (named(ada)) lastTaken = (decodeJwt(ada.access).exp ?? 0) * 1000 + 30_000
      }
      expect(named(ada)).toBeUndefined()
      expect((lastTaken - left) / 1000, 'by a clock that is half a minute behind').toBe(hour - 30)
      say(id, said)
      server.elapse(fresh)
      expect([await renew(ada), named(ada)], 'and in it again who comes back').toEqual([200, names])
    },
  )

test('a refresh token is asked for where what the provider says is judged, as each provider has it', async () => {
  await start()
  expect(Object.fromEntries((await signIn('google')).asked)).toMatchObject({
    scope: 'openid email',
    access_type: 'offline',
    prompt: 'select_account consent',
  })
  const { asked } = await signIn('oidc')
  expect([asked.get('scope'), asked.get('prompt'), asked.get('access_type')]).toEqual([
    'openid email groups offline_access',
    null,
    null,
  ])
  await server[Symbol.asyncDispose]()
  // a group of the one is not one of the other's
  await start({ all: { company: groups.company } })
  expect((await signIn('oidc')).asked.get('scope')).toBe('openid email')
  expect((await kept('oidc')).facts).not.toHaveProperty('upstreamToken')
  await server[Symbol.asyncDispose]()
  await start({ all: { finance: groups.finance } })
  const google = (await signIn('google')).asked
  expect([google.get('access_type'), google.get('prompt')]).toEqual([null, 'select_account'])
  expect((await kept('google')).facts).not.toHaveProperty('upstreamToken')
})

verifies('U7', 'the refresh token is kept sealed, and a new one in place of it', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-renewal-'))
  await start({ dataDir })
  say('oidc', { claims: { groups: ['fin'], name: 'Ada', email: 'ada@example.com', email_verified: true } })
  const ada = await signIn('oidc')
  const first = await kept('oidc')
  say('oidc', { claims: { groups: ['fin'] } })
  server.elapse(hour)
  expect(await renew(ada)).toBe(200)
  const second = await kept('oidc')
  expect(second.facts.upstreamToken).not.toBe(first.facts.upstreamToken)
  expect([second.label, second.profile], 'a renewed ID token may leave out how somebody is called').toEqual([
    'ada@example.com',
    first.profile,
  ])
  for (const token of [first, second].map(({ facts }) => facts.upstreamToken ?? '')) {
    expect(providers.oidc.issued).toContain(token)
    for (const file of readdirSync(dataDir)) expect(readFileSync(join(dataDir, file)).includes(token), file).toBe(false)
  }
  rmSync(dataDir, { recursive: true })
})

verifies('U8', 'whose account at the provider has ended gets no new tokens, and is not active any more', async () => {
  await start()
  say('oidc', { claims: { groups: ['fin'] } })
  const ada = await signIn('oidc')
  server.elapse(fresh + 1)
  expect([await renew(ada), await introspected(ada)]).toEqual([200, [true, ['finance']]])
  providers.oidc.revoke('ada')
  server.elapse(fresh - 1)
  expect([await renew(ada), await introspected(ada)], 'within the hour').toEqual([200, [true, ['finance']]])
  server.elapse(1)
  expect(await introspected(ada)).toEqual([false, undefined])
  for (let times = 0; times < 2; times += 1) expect(await renew(ada)).toBe(400)
  expect(named(await signIn('oidc')), 'who signs in there again is in again').toEqual(['finance'])
})

const outages: readonly FakeOpenIdFault[] = ['server error', 'too many requests', 'html', 'client revoked', 'not found']
for (const fault of outages)
  verifies('X23', `while a provider is away (${fault}) groups stay for a day, and the log says so`, async () => {
    await start()
    say('oidc', { claims: { groups: ['fin'] } })
    const ada = await signIn('oidc')
    Object.assign(providers.oidc, { fault })
    server.elapse(24 * hour - 1)
    expect([await renew(ada), named(ada)]).toEqual([200, ['finance']])
    expect(server.log()).toContain('what it said before still counts, for a day in all')
    expect(await server.metrics()).toContain('gatehouse_stale_facts_total{login="oidc:example-corp",counts="yes"} 1')
    server.elapse(1)
    expect([await renew(ada), named(ada)], 'signed in, and in no group').toEqual([200, undefined])
    expect(await server.metrics()).toContain('gatehouse_stale_facts_total{login="oidc:example-corp",counts="no"} 1')
    providers.oidc.fault = undefined
    expect([await renew(ada), named(ada)]).toEqual([200, ['finance']])
  })

test('a refresh token that was used up is not lost with what comes after it', async () => {
  await start()
  say('oidc', { userinfo: { groups: ['fin'] } })
  const ada = await signIn('oidc')
  Object.assign(providers.oidc, { fault: 'server error', faultAt: '/userinfo' })
  for (let times = 0; times < 3; times += 1) {
    server.elapse(hour)
    expect([await renew(ada), named(ada)]).toEqual([200, ['finance']])
  }
  providers.oidc.fault = undefined
  say('oidc', { userinfo: { groups: [] } })
  expect([await renew(ada), named(ada)]).toEqual([200, undefined])
})

const unusable = ['server error', 'unknown key', 'foreign audience', 'expired', 'no JWT', 'foreign azp'] as const
test.each(unusable)('nor where the ID token is of no use: %s', async (fault) => {
  await start()
  say('oidc', { claims: { groups: ['fin'] } })
  const ada = await signIn('oidc')
  Object.assign(providers.oidc, { fault, faultAt: '/jwks' })
  for (let times = 0; times < 2; times += 1) {
    server.elapse(hour)
    expect([await renew(ada), named(ada)]).toEqual([200, ['finance']])
  }
  providers.oidc.fault = undefined
  say('oidc', { claims: { groups: [] } })
  expect([await renew(ada), named(ada)]).toEqual([200, undefined])
})

test('a renewal without an ID token asks the userinfo endpoint, and takes nobody else for the person', async () => {
  await start()
  say('oidc', { claims: { groups: ['fin'] }, userinfo: { groups: ['fin'] } })
  const ada = await signIn('oidc')
  providers.oidc.fault = 'no id_token'
  server.elapse(hour)
  expect([await renew(ada), named(ada)]).toEqual([200, ['finance']])
  say('oidc', { claims: { groups: ['fin'] }, userinfo: {} })
  server.elapse(hour)
  expect([await renew(ada), named(ada)]).toEqual([200, undefined])
  providers.oidc.fault = undefined
  server.elapse(hour)
  expect([await renew(ada), named(ada)]).toEqual([200, ['finance']])
  say('oidc', { claims: { sub: 'mallory', groups: ['fin'] } })
  server.elapse(hour)
  expect(await renew(ada)).toBe(400)
  expect(await server.store.records.find('Account', 'oidc:example-corp:mallory')).toBeUndefined()
})

test('a provider that gives no refresh token is believed for a day; who signs in again is in again', async () => {
  await start()
  say('oidc', { claims: { groups: ['fin'] } })
  providers.oidc.fault = 'no refresh token'
  const ada = await signIn('oidc')
  server.elapse(24 * hour - 1)
  expect([await renew(ada), named(ada)]).toEqual([200, ['finance']])
  expect(server.log()).not.toContain('what it said')
  server.elapse(1)
  expect([await renew(ada), named(ada)]).toEqual([200, undefined])
  expect(server.log()).toContain('no token to ask again with')
  expect(named(await signIn('oidc'))).toEqual(['finance'])
})

test('a refresh token of a size that none has is not kept', async () => {
  await start()
  say('oidc', { claims: { groups: ['fin'] } })
  providers.oidc.tokenAnswer = { refresh_token: 'x'.repeat(16_385) }
  await signIn('oidc')
  expect((await kept('oidc')).facts).not.toHaveProperty('upstreamToken')
})

test('however many ask at once, the provider is asked once', async () => {
  await start()
  say('oidc', { claims: { groups: ['fin'] } })
  const signedIn = [await signIn('oidc'), await signIn('oidc'), await signIn('oidc')]
  say('oidc', { claims: { groups: [] } })
  server.elapse(hour)
  const statuses = await Promise.all(signedIn.map(renew))
  expect([statuses, signedIn.map(named)]).toEqual([
    [200, 200, 200],
    [undefined, undefined, undefined],
  ])
  expect(providers.oidc.renewals).toBe(1)
})

test('ALLOWED_EMAIL_DOMAINS ends with the address', async () => {
  await start({ all: {}, environment: { ALLOWED_EMAIL_DOMAINS: 'example.com' } })
  say('google', { claims: { email: 'ada@example.com', email_verified: true } })
  const ada = await signIn('google')
  say('google', { claims: { email: 'ada@elsewhere.example', email_verified: true } })
  server.elapse(fresh - 1)
  expect(await renew(ada)).toBe(200)
  server.elapse(1)
  expect(await renew(ada)).toBe(400)
})

provesSecrecy()
