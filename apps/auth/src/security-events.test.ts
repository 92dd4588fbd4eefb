// The audit of the authorization server: which line what leaves, and that no line has a secret in it.
import { createFakeGitHub, type FakeGitHub } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from './harness/auth-server.ts'
import type { Browser } from './harness/browser.ts'
import { basic, robot, terminal, website } from './harness/clients.ts'
import { provesSecrecy } from './harness/evidence.ts'
import { approvedDevice, askAsDevice, logInOnDevice, obtainCode, refresh } from './harness/flows.ts'

const events = (server: AuthServer) =>
  server.audit().map(({ event, reason }) => [event, reason].filter(Boolean).join(' '))
const last = (server: AuthServer, event: string) => server.audit().findLast((line) => line.event === event)

test('a device login is one flow, from the question to the grant that its tokens name', async () => {
  await using server = await startAuthServer()
  const { access_token: token } = await logInOnDevice(server, { scope: 'mcp:tools:read' })
  expect(events(server)).toEqual([
    'signing_key_changed made',
    'device_code_asked',
    'device_code_entered',
    'sign_in',
    'device_approved',
    'tokens_issued',
  ])
  const [, ...lines] = server.audit()
  const { grant_id: grant, jti } = decodeJwt(String(token))
  expect(new Set(lines.slice(0, 4).map(({ flow }) => flow)).size).toBe(1)
  expect(lines[3]).toMatchObject({ subject: 'dev:ada', client: 'terminal', grant, scopes: ['mcp:tools:read'] })
  expect(lines[4]).toMatchObject({ grant, token: jti, subject: 'dev:ada', scopes: ['mcp:tools:read'] })
  for (const { request, time } of lines)
    expect([request, time]).toEqual([expect.stringMatching(/^[\w-]{36}$/), expect.stringMatching(/^2026-12-01T12:/)])
  expect(await server.metrics()).toMatch(/^gatehouse_audit_lines_total\{result="written"\} 6$/m)
})

test('a refresh, a repetition, one from elsewhere and a use after the grace are told apart', async () => {
  await using server = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' } })
  const fields = { grant_type: 'refresh_token', client_id: 'terminal' }
  const ask = (token: string | undefined, from: string, agent: string) =>
    server.token({ ...fields, refresh_token: token ?? '' }, { 'x-forwarded-for': from, 'user-agent': agent })
  const before = () => server.audit().length
  const since = (count: number) => events(server).slice(count)

  const first = await logInOnDevice(server)
  let count = before()
  await ask(first.refresh_token, '203.0.113.7', 'app/1')
  await ask(first.refresh_token, '203.0.113.7', 'app/1')
  await ask(first.refresh_token, '198.51.100.9', 'app/1')
  expect(since(count)).toEqual(['tokens_issued', 'tokens_replayed', 'tokens_replayed elsewhere'])
  const [one, two] = server.audit().slice(count)
  expect(two?.token).toBe(one?.token)
  count = before()
  expect((await ask(first.refresh_token, '198.51.100.9', 'thief/1')).status).toBe(400)
  expect(since(count)).toEqual(['grant_ended elsewhere', 'tokens_refused invalid_grant'])
  expect(last(server, 'grant_ended')).toMatchObject({ grant: one?.grant, subject: 'dev:ada', client: 'terminal' })

  const second = await logInOnDevice(server)
  await ask(second.refresh_token, '203.0.113.7', 'app/1')
  server.elapse(60)
  count = before()
  expect((await ask(second.refresh_token, '203.0.113.7', 'app/1')).status).toBe(400)
  await expect
    .poll(() => since(count))
    .toEqual(expect.arrayContaining(['grant_ended reused', 'tokens_refused invalid_grant']))
})

test('a grant ends by its refresh token, by its access token, and on the page of the person', async () => {
  await using server = await startAuthServer()
  for (const kind of ['refresh_token', 'access_token'] as const) {
    const tokens = await logInOnDevice(server)
    await server.post('/revoke', { client_id: 'terminal', token: String(tokens[kind]) })
    expect(last(server, 'grant_ended'), kind).toMatchObject({
      reason: 'revoked',
      grant: decodeJwt(String(tokens.access_token)).grant_id,
      subject: 'dev:ada',
      client: 'terminal',
    })
  }
  const ended = server.audit().length
  await server.post('/revoke', { client_id: 'terminal', token: 'no token at all, whatever it looks like' })
  expect(server.audit()).toHaveLength(ended)

  const browser = server.openBrowser()
  const { redeem } = await obtainCode(server, { browser })
  const { json } = await redeem()
  await browser.open('/apps')
  await browser.submit('/apps/disconnect')
  const { grant_id: grant } = decodeJwt(String(json.access_token))
  expect(last(server, 'grant_ended')).toMatchObject({ reason: 'disconnected', grant })
})

test('an app that asks who somebody is has an access token that is no JWT: its id is told nowhere', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server, { changes: { scope: 'openid' } })
  const { json } = await redeem()
  const issued = last(server, 'tokens_issued')
  expect(String(json.access_token)).not.toContain('.')
  expect(issued).toMatchObject({ subject: 'dev:ada', grant: expect.any(String) })
  expect(issued).not.toHaveProperty('token')
  expect(JSON.stringify(server.audit())).not.toContain(json.access_token)
})

test('what a person refuses is there, signed in or not', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const device = await askAsDevice(server)
  await browser.enterCode(device.userCode)
  await browser.submit('/cancel')
  expect(last(server, 'device_refused')).toMatchObject({ client: 'terminal', decision: 'deny' })
  expect(last(server, 'device_refused')).not.toHaveProperty('subject')
  const other = await askAsDevice(server)
  await browser.enterCode(other.userCode)
  await browser.logIn('ada')
  await browser.submit('/decision', { decision: 'refuse' })
  expect(last(server, 'device_refused')).toMatchObject({ subject: 'dev:ada' })
  await other.poll()
  expect(events(server), 'a device that is told so again is no news').not.toContain('tokens_refused access_denied')
})

test('machines and registrations are there, and one who guesses secrets or codes once', async () => {
  await using server = await startAuthServer()
  await server.token({ grant_type: 'client_credentials', resource: 'http://localhost:3000/mcp' }, basic(robot))
  expect(last(server, 'tokens_issued')).toMatchObject({ client: robot.client_id, subject: robot.client_id })
  await server.register({
    client_name: 'Recipe box',
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'none',
  })
  expect(last(server, 'client_registered')).toMatchObject({ clientName: 'Recipe box', client: expect.any(String) })
  const wrong = basic({ ...website, client_secret: 'wrong-and-known-to-nobody' })
  for (let count = 0; count < 25; count += 1) await server.token({ grant_type: 'client_credentials' }, wrong)
  const browser = server.openBrowser()
  for (let count = 0; count < 8; count += 1) {
    await browser.open('/device')
    await browser.submit('/device', { user_code: 'BCDF-GHJK' })
  }
  const told = events(server)
  expect(told.filter((event) => event === 'client_secret_blocked too_many')).toHaveLength(1)
  expect(told.filter((event) => event === 'user_codes_blocked too_many')).toHaveLength(1)
  expect(last(server, 'client_secret_blocked')).toMatchObject({ client: website.client_id })
})

test('nobody makes lines with tokens that do not exist', async () => {
  await using server = await startAuthServer()
  const count = server.audit().length
  for (let number = 0; number < 20; number += 1) {
    await refresh(server, `a-refresh-token-that-nobody-has-${number}`)
    await server.token({
      grant_type: 'authorization_code',
      client_id: 'terminal',
      code: `nothing-${number}`,
      code_verifier: 'x'.repeat(43),
    })
  }
  expect(server.audit()).toHaveLength(count)
})

let github: FakeGitHub
beforeAll(async () => {
  github = await createFakeGitHub()
})
afterAll(() => github[Symbol.asyncDispose]())

async function signInByGitHub(browser: Browser, login: string): Promise<void> {
  const href = /href="(\/interaction\/[^"]+\/login\/github)"/.exec(browser.page.html)?.[1]
  const { leftTo } = await browser.open(href ?? '/no-github-button')
  const fields = ['redirect_uri', 'state', 'code_challenge'].map((name): [string, string] => [
    name,
    leftTo?.searchParams.get(name) ?? '',
  ])
  const response = await fetch(`${leftTo?.origin}${leftTo?.pathname}`, {
    method: 'POST',
    body: new URLSearchParams([...fields, ['login', login]]),
    redirect: 'manual',
  })
  await browser.open(response.headers.get('location') ?? '', { 'sec-fetch-site': 'cross-site' })
}

test('a sign-in elsewhere has the name of the person and of the login; who is kept out is told, and why', async () => {
  await using server = await startAuthServer({
    environment: {
      AUTH_DEV_LOGIN: 'false',
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_CLIENT_SECRET: github.clientSecret,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
      ALLOWED_GITHUB_USERS: 'octocat',
    },
  })
  const arrive = async () => {
    const device = await askAsDevice(server)
    const browser = server.openBrowser()
    await browser.enterCode(device.userCode)
    return browser
  }
  await signInByGitHub(await arrive(), 'octocat')
  expect(last(server, 'sign_in')).toMatchObject({
    subject: 'github:583231',
    name: 'octocat',
    login: 'github',
    client: 'terminal',
  })
  github.users.set('mallory', { id: 7, login: 'mallory' })
  await signInByGitHub(await arrive(), 'mallory')
  expect(last(server, 'sign_in_refused')).toMatchObject({
    subject: 'github:7',
    name: 'mallory',
    reason: 'rules',
    decision: 'deny',
  })
  github.fault = 'server error'
  await signInByGitHub(await arrive(), 'octocat')
  expect(last(server, 'sign_in_refused')).toMatchObject({
    reason: 'login_unavailable',
    login: 'github',
    outcome: 'refused',
  })
})

test("an answer that a device brings from GitHub's own page has the request that brought it", async () => {
  await using server = await startAuthServer({
    clients: [{ ...terminal, github_device_flow: true }],
    environment: {
      AUTH_DEV_LOGIN: 'false',
      AUTH_LIFETIMES: '{"deviceInterval":1}',
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
      ALLOWED_GITHUB_USERS: 'octocat',
    },
  })
  github.fault = undefined
  const answered = async (login: string) => {
    const device = await askAsDevice(server)
    github.decideDevice(device.userCode, login)
    return device.poll()
  }
  const from = { address: '127.0.0.1', flow: expect.any(String), client: 'terminal' }
  const request = expect.stringMatching(/^[\w-]{36}$/)
  await answered('octocat')
  expect(last(server, 'device_approved')).toMatchObject({ ...from, request: last(server, 'tokens_issued')?.request })
  expect(last(server, 'device_approved')).toMatchObject({ request })
  github.users.set('eve', { id: 8, login: 'eve' })
  await answered('eve')
  expect(last(server, 'device_refused')).toMatchObject({ ...from, request, reason: 'rules', subject: 'github:8' })
  await answered('deny')
  expect(last(server, 'device_refused')).toMatchObject({ ...from, request })
  expect(last(server, 'device_refused')).not.toHaveProperty('subject')
})

test('with AUDIT_TO off nothing is written', async () => {
  await using server = await startAuthServer({ environment: { AUDIT_TO: 'off' } })
  await approvedDevice(server, { client_id: terminal.client_id })
  expect(server.audit()).toEqual([])
})

provesSecrecy()
