// The relay of GitHub's device flow, for clients that the operator marked: GitHub's page, our tokens.
import { createFakeGitHub, type FakeGitHub, verifies } from '@gatehouse/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { otherTerminal, terminal } from '../../harness/clients.ts'
import { askAsDevice, refresh } from '../../harness/flows.ts'

let github: FakeGitHub
let server: AuthServer

const start = async (environment: Readonly<Record<string, string>> = {}) => {
  server = await startAuthServer({
    clients: [{ ...terminal, github_device_flow: true }, otherTerminal],
    environment: {
      AUTH_DEV_LOGIN: 'false',
      AUTH_LIFETIMES: '{"deviceInterval":1}',
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
      ...environment,
    },
  })
}

beforeEach(async () => {
  github = await createFakeGitHub()
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await github[Symbol.asyncDispose]()
})

test('the person goes to GitHub alone, and the client gets our tokens for what it asked', async () => {
  await start({ AUTH_HOLD_SECONDS: '30' })
  const { status, json } = await server.post('/device_authorization', {
    client_id: terminal.client_id,
    scope: 'mcp:tools:read',
  })
  expect(status).toBe(200)
  expect(json).toMatchObject({ verification_uri: `${github.url}/login/device`, interval: 1 })
  expect(json).not.toHaveProperty('verification_uri_complete')
  expect(github.deviceCodes).not.toContain(json.device_code)

  const poll = () =>
    server.token({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: String(json.device_code),
      client_id: terminal.client_id,
    })
  // held by nobody, whatever AUTH_HOLD_SECONDS says: GitHub is asked at its own pace
  expect((await poll()).json.error).toBe('authorization_pending')
  github.decideDevice(String(json.user_code), 'octocat')
  server.elapse(2)
  const tokens = await poll()
  expect(tokens.status, tokens.text).toBe(200)
  expect(tokens.json.scope).toBe('mcp:tools:read')
  const claims = JSON.parse(Buffer.from(String(tokens.json.access_token).split('.')[1] ?? '', 'base64url').toString())
  expect(claims).toMatchObject({
    sub: 'github:583231',
    client_id: terminal.client_id,
    aud: 'http://localhost:3000/mcp',
  })
  expect((await refresh(server, tokens.json.refresh_token as string)).status).toBe(200)
  for (const secret of github.deviceCodes) expect(server.log()).not.toContain(secret)
})

test('a denial at GitHub is access_denied, once and later', async () => {
  await start()
  const device = await askAsDevice(server)
  github.decideDevice(device.userCode, 'deny')
  for (let polls = 0; polls < 2; polls += 1) {
    expect((await device.poll()).json.error).toBe('access_denied')
    server.elapse(6)
  }
})

test('a code that expired at GitHub is expired_token', async () => {
  await start()
  const device = await askAsDevice(server)
  github.decideDevice(device.userCode, 'octocat')
  github.users.delete('octocat')
  server.elapse(700)
  expect((await device.poll()).json.error).toBe('expired_token')
})

test('somebody whom the rules keep out gets access_denied', async () => {
  await start({ ALLOWED_GITHUB_USERS: 'mona' })
  const device = await askAsDevice(server)
  github.decideDevice(device.userCode, 'octocat')
  expect((await device.poll()).json.error).toBe('access_denied')
})

test('polls that come too early are slowed down before GitHub is asked', async () => {
  await start()
  const device = await askAsDevice(server)
  await device.poll()
  const asked = github.requests.length
  expect((await device.poll()).json.error).toBe('slow_down')
  expect(github.requests.length).toBe(asked)
})

test('while GitHub is away a new login is 503, and one under way is pending', async () => {
  await start()
  const device = await askAsDevice(server)
  github.fault = 'server error'
  expect((await device.poll()).json.error).toBe('authorization_pending')
  const { status, headers, json } = await server.post('/device_authorization', { client_id: terminal.client_id })
  expect({ status, retry: headers['retry-after'], error: json.error }).toEqual({
    status: 503,
    retry: '1',
    error: 'temporarily_unavailable',
  })
  github.fault = undefined
  github.decideDevice(device.userCode, 'octocat')
  server.elapse(2)
  expect((await device.poll()).status).toBe(200)
})

verifies('N9', 'the relay is for marked clients alone, and opens no browser session', async () => {
  await start()
  const { json } = await server.post('/device_authorization', { client_id: otherTerminal.client_id })
  expect(json.verification_uri).toBe(`${server.issuer}/device`)
  const registered = await server.register({
    client_name: 'Pretender',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
    github_device_flow: true,
  })
  expect(registered.json).not.toHaveProperty('github_device_flow')
  const pretender = await server.post('/device_authorization', { client_id: String(registered.json.client_id) })
  expect(pretender.json.verification_uri).toBe(`${server.issuer}/device`)

  const device = await askAsDevice(server)
  github.decideDevice(device.userCode, 'octocat')
  const { status, headers } = await device.poll()
  expect(status).toBe(200)
  expect(headers['set-cookie']).toBeUndefined()
})
