// Two authorization servers over one Redis: who leaves a group is out of it at both.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeGitHub, createFakeOpenIdProvider, freePort, openTestRedis } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { terminal } from '../harness/clients.ts'
import { askAsDevice } from '../harness/flows.ts'
import { openRedisStore } from '../store/redis/store.ts'
import { createSealing } from '../store/sealing.ts'

const resource = 'https://mcp.example.com/mcp'

async function startReplicas(group: string, environment: Readonly<Record<string, string>>) {
  await using opened = new AsyncDisposableStack()
  const { connection, newPrefix } = opened.use(await openTestRedis('auth'))
  const prefix = newPrefix()
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-groups-'))
  opened.defer(() => rmSync(folder, { recursive: true }))
  const file = {
    version: 1,
    endpoints: [{ resource, name: 'Tools', groups: ['finance'] }],
    upstreams: { ledger: { command: ['x'] } },
    groups: { finance: [group] },
  }
  writeFileSync(join(folder, 'gatehouse.yaml'), JSON.stringify(file))
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const sealing = createSealing({ secret: 'the secret of the tests of two replicas' })
  const start = async (own: { readonly port?: number } = {}) => {
    const store = opened.use(openRedisStore({ connection, prefix, sealing, onTampered: () => undefined }))
    await expect.poll(() => store.ping().then(() => true, String)).toBe(true)
    const server = await startAuthServer({
      ...own,
      clients: [{ ...terminal, github_device_flow: true }],
      wrapStore: () => store,
      environment: {
        AUTH_ISSUER: issuer,
        GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml'),
        AUTH_DEV_LOGIN: 'false',
        AUTH_LIFETIMES: '{"deviceInterval":1}',
        ...environment,
      },
    })
    return opened.use(server)
  }
  const [first, second] = [await start({ port }), await start()]
  const owned = opened.move()
  return { first, second, issuer, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const hostOf = (issuer: string) => ({ host: new URL(issuer).host })

/** Renews at a replica what was given last, and returns what the token names. */
function holderOf(issuer: string, given: string | undefined) {
  let token = given ?? ''
  return async (server: AuthServer) => {
    const fields = { grant_type: 'refresh_token', client_id: terminal.client_id, refresh_token: token }
    const { status, json, text } = await server.token(fields, hostOf(issuer))
    expect(status, text).toBe(200)
    token = json.refresh_token ?? ''
    return decodeJwt(json.access_token ?? '').groups
  }
}

test('who leaves a group is out of it at each replica, whichever asked GitHub', async () => {
  await using github = await createFakeGitHub()
  github.change('mona', { organisations: ['acme'], teams: ['acme/finance'] })
  await using replicas = await startReplicas('github-team:acme/finance', {
    GITHUB_CLIENT_ID: github.clientId,
    GITHUB_URL: github.url,
    GITHUB_API_URL: github.apiUrl,
  })
  const { first, second, issuer } = replicas
  const device = await askAsDevice(first, { resource }, hostOf(issuer))
  github.decideDevice(device.userCode, 'mona')
  const { status, json, text } = await device.poll({}, hostOf(issuer))
  expect(status, text).toBe(200)
  const groupsAt = holderOf(issuer, json.refresh_token)
  const asked = () => github.requests.filter((path) => path.includes('/teams/')).length
  expect([await groupsAt(first), await groupsAt(second)]).toEqual([['finance'], ['finance']])
  expect(asked(), 'at the sign-in').toBe(1)
  github.change('mona', { teams: [] })
  first.elapse(2_960)
  expect([await groupsAt(first), await groupsAt(second)]).toEqual([['finance'], ['finance']])
  first.elapse(20)
  expect([await groupsAt(second), await groupsAt(first)]).toEqual([undefined, undefined])
  expect(asked(), 'once for both').toBe(2)
}, 30_000)

test('a refresh token of a provider that is good once is used once, by replicas that ask at the same time', async () => {
  await using oidc = await createFakeOpenIdProvider()
  oidc.metadata = { scopes_supported: ['openid', 'email', 'offline_access'] }
  const say = (...groups: string[]) => oidc.users.set('ada', { sub: 'ada', claims: { groups } })
  say('fin')
  await using replicas = await startReplicas('oidc-group:corp/fin', {
    OIDC_ISSUER: oidc.issuer,
    OIDC_CLIENT_ID: oidc.clientId,
    OIDC_CLIENT_SECRET: oidc.clientSecret,
    OIDC_LABEL: 'corp',
  })
  const { first, second, issuer } = replicas
  const headers = hostOf(issuer)
  const signIn = async () => {
    const device = await askAsDevice(first, { resource }, headers)
    const browser = first.openBrowser()
    await browser.enterCode(device.userCode)
    const button = /href="(\/interaction\/[^"]+\/login\/oidc)"/.exec(browser.page.html)?.[1] ?? ''
    const { leftTo } = await browser.open(button)
    const body = new URLSearchParams([...(leftTo?.searchParams ?? []), ['user', 'ada']])
    const answer = await fetch(`${oidc.issuer}/authorize`, { method: 'POST', body, redirect: 'manual' })
    await browser.open(answer.headers.get('location') ?? '', { 'sec-fetch-site': 'cross-site' })
    await browser.approve()
    return holderOf(issuer, (await device.poll({}, headers)).json.refresh_token)
  }
  const apps = [await signIn(), await signIn(), await signIn(), await signIn()]
  const renewAll = () => Promise.all(apps.map((app, index) => app(index % 2 === 0 ? first : second)))
  for (const hour of [1, 2, 3]) {
    first.elapse(3_600)
    expect(await renewAll()).toEqual([['finance'], ['finance'], ['finance'], ['finance']])
    expect(oidc.renewals, 'one that comes twice would end all of them').toBe(hour)
  }
  say()
  first.elapse(3_600)
  expect(await renewAll()).toEqual([undefined, undefined, undefined, undefined])
  expect(oidc.renewals).toBe(4)
}, 30_000)
