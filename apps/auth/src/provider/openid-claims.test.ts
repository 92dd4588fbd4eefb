// OpenID Connect for a client that wants to know who somebody is: what it is told, where, and that it gets nothing else.
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { basic, terminal, website } from '../harness/clients.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import {
  askAsDevice,
  authorizePath,
  createPkce,
  errorOf,
  logInOnDevice,
  obtainCode,
  refresh,
  refused,
} from '../harness/flows.ts'

const mcpResource = 'http://localhost:3000/mcp'
const everything = { sub: 'dev:ada', name: 'ada', preferred_username: 'ada' }

const logIn = async (server: AuthServer, changes: Readonly<Record<string, string>>) => {
  const { redeem } = await obtainCode(server, { changes })
  const { status, json, text } = await redeem()
  expect(status, text).toBe(200)
  for (const name of ['access_token', 'refresh_token', 'id_token'] as const) evidence.plant(name, json[name])
  return json
}
const userinfo = (server: AuthServer, token: string | undefined) =>
  server.get('/userinfo', { authorization: `Bearer ${token}` })

test('openid alone tells who somebody is: no tools, no resource, a token that is for userinfo', async () => {
  await using server = await startAuthServer()
  const { challenge } = createPkce()
  const browser = server.openBrowser()
  await browser.open(authorizePath(challenge, { scope: 'openid' }))
  const { text } = await browser.logIn()
  expect(text).toContain('Know that you signed in, and nothing else')
  expect(text).not.toContain(mcpResource)

  const tokens = await logIn(server, { scope: 'openid' })
  expect(tokens.scope).toBe('openid')
  expect(tokens.access_token, 'not what a resource server takes').toMatch(/^[\w-]{43}$/)
  expect((await userinfo(server, tokens.access_token)).json).toEqual({ sub: 'dev:ada' })
  const { sub, name } = decodeJwt(tokens.id_token ?? '')
  expect([sub, name]).toEqual(['dev:ada', undefined])

  const renewed = await refresh(server, tokens.refresh_token)
  expect(renewed.json.scope).toBe('openid')
  expect((await userinfo(server, renewed.json.access_token)).json).toEqual({ sub: 'dev:ada' })
})

test('profile and email are asked for in words, and told at userinfo and in the ID token', async () => {
  await using server = await startAuthServer()
  const scope = 'openid profile email offline_access'
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge, { scope }))
  const { text } = await browser.logIn()
  expect(text).toContain('See your name and picture')
  expect(text).toContain('See your e-mail address')

  const tokens = await logIn(server, { scope })
  expect(decodeJwt(tokens.id_token ?? '')).toMatchObject(everything)
  const told = await userinfo(server, tokens.access_token)
  expect([told.json, told.headers['cache-control']]).toEqual([everything, 'no-store'])
  const posted = await server.post('/userinfo', { access_token: tokens.access_token ?? '' })
  expect(posted.json).toEqual(everything)
})

test('an address is told where the login knows that it is verified', async () => {
  await using server = await startAuthServer()
  const tokens = await logIn(server, { scope: 'openid email' })
  const account = (await server.store.records.find('Account', 'dev:ada'))?.payload
  const facts = { checkedAt: Date.now(), email: 'ada@example.com' }
  const profile = { name: 'Ada', picture: 'https://pictures.example/ada' }
  await server.store.records.replace('Account', 'dev:ada', { ...account, facts, profile })
  expect((await userinfo(server, tokens.access_token)).json).toEqual({
    sub: 'dev:ada',
    email: 'ada@example.com',
    email_verified: true,
  })
  const { access_token } = await logIn(server, { scope: 'openid profile' })
  // signing in told the account as this login knows it
  expect((await userinfo(server, access_token)).json).toEqual(everything)
})

test('what is asked for at a resource stays a token for that resource, whatever is asked for with it', async () => {
  await using server = await startAuthServer()
  const cases = [
    [{ scope: 'openid mcp:tools:read' }, ['mcp:tools:read']],
    [{ scope: 'openid profile email offline_access', resource: mcpResource }, ['mcp:tools:read', 'mcp:tools:call']],
    [{ scope: 'openid', resource: mcpResource }, ['mcp:tools:read', 'mcp:tools:call']],
    [{ scope: 'profile' }, ['mcp:tools:read', 'mcp:tools:call']],
    [{}, ['mcp:tools:read', 'mcp:tools:call']],
  ] as const
  for (const [changes, scopes] of cases) {
    const tokens = await logIn(server, changes)
    const { aud, scope } = decodeJwt(tokens.access_token ?? '') as { aud: string; scope: string }
    expect([changes, aud, scope.split(' ')]).toEqual([changes, mcpResource, expect.arrayContaining([...scopes])])
    const answer = await userinfo(server, tokens.access_token)
    expect([answer.status, answer.json.error], 'a resource server may not ask with it').toEqual([401, 'invalid_token'])
    expect(answer.headers['www-authenticate']).toContain('invalid_token')
  }
})

test('a token of a resource that was not asked for is refused, and the code is not used up by that', async () => {
  await using server = await startAuthServer()
  const { redeem } = await obtainCode(server, { changes: { scope: 'openid' } })
  expect(errorOf(await redeem({ resource: mcpResource }))).toEqual(refused(400, 'invalid_target'))
  expect((await redeem()).json.scope).toBe('openid')
})

test('a device learns who somebody is likewise', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server, { scope: 'openid profile' })
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  const { text } = await browser.logIn()
  expect(text).toContain('See your name and picture')
  expect(text).not.toContain(mcpResource)
  await browser.refuse()

  const tokens = await logInOnDevice(server, { scope: 'openid profile' })
  expect((await userinfo(server, tokens.access_token)).json).toEqual(everything)
})

test('the page of connected apps says what an app learns, and its end is the end of the token', async () => {
  await using server = await startAuthServer()
  const tokens = await logIn(server, { scope: 'openid profile' })
  const browser = server.openBrowser()
  await browser.open('/apps')
  const { text } = await browser.logIn()
  expect(text).toContain('See your name and picture')
  expect(text).not.toContain(mcpResource)
  await browser.submit('/apps/disconnect')
  expect((await userinfo(server, tokens.access_token)).status).toBe(401)
  expect((await refresh(server, tokens.refresh_token)).json.error).toBe('invalid_grant')
})

test('its client can look into the token and end it, and is told nothing of our own', async () => {
  await using server = await startAuthServer()
  const redirect = website.redirect_uris[0]
  const { redeem } = await obtainCode(server, {
    changes: { client_id: website.client_id, redirect_uri: redirect, scope: 'openid' },
  })
  const { json } = await redeem({}, basic(website))
  const token = json.access_token ?? ''
  const introspected = await server.post('/introspect', { token }, basic(website))
  expect(introspected.json).toMatchObject({ active: true, sub: 'dev:ada', client_id: website.client_id })
  expect(introspected.json).not.toHaveProperty('grant_id')
  expect((await server.post('/revoke', { token }, basic(website))).status).toBe(200)
  expect((await userinfo(server, token)).status).toBe(401)
})

test('userinfo says what it needs, and reads no token from an address', async () => {
  await using server = await startAuthServer()
  const nothing = await server.get('/userinfo')
  expect([nothing.status, nothing.headers['www-authenticate']]).toEqual([401, expect.stringContaining('Bearer')])
  const { access_token: token } = await logIn(server, { scope: 'openid', client_id: terminal.client_id })
  expect((await server.get(`/userinfo?access_token=${token}`)).status).toBe(400)
  expect((await userinfo(server, 'no-such-token')).status).toBe(401)
})

provesSecrecy()
