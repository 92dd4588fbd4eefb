import { type AddressInfo, createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic, deviceGrant } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { authorizePath, createPkce, errorOf, loopback, obtainCode, refresh, refused } from '../../harness/flows.ts'

const web = 'https://app.example.com/callback'
const invalidMetadata = refused(400, 'invalid_client_metadata')

verifies('R4', 'grants that are not for everybody are taken out, and the answer shows what is left', async () => {
  await using server = await startAuthServer()
  const wide = [
    'client_credentials',
    'password',
    'implicit',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'refresh_token',
    deviceGrant,
    'authorization_code',
  ]
  const { status, json } = await server.register({
    redirect_uris: [web],
    grant_types: wide,
    response_types: ['code', 'token', 'id_token'],
  })
  expect(status).toBe(201)
  expect(json.grant_types).toEqual(['authorization_code', 'refresh_token', deviceGrant])
  expect(json.response_types).toEqual(['code'])
  for (const grants of [
    ['client_credentials'],
    ['password', 'implicit'],
    ['refresh_token'],
    ['urn:ietf:params:oauth:grant-type:jwt-bearer'],
    [],
  ]) {
    const answer = await server.register({ redirect_uris: [web], grant_types: grants })
    expect([grants, errorOf(answer)]).toEqual([grants, invalidMetadata])
  }
  expect(errorOf(await server.register({ redirect_uris: [web], response_types: ['token'] }))).toEqual(
    refused(400, 'invalid_redirect_uri'),
  )
  for (const method of ['client_secret_jwt', 'private_key_jwt', 'tls_client_auth', 'x']) {
    expect(errorOf(await server.register({ redirect_uris: [web], token_endpoint_auth_method: method }))).toEqual(
      invalidMetadata,
    )
  }
})

verifies('R4', 'a client that names nothing can sign people in and keep them signed in', async () => {
  await using server = await startAuthServer()
  const { json } = await server.register({ redirect_uris: [loopback], token_endpoint_auth_method: 'none' })
  expect(json.grant_types).toEqual(['authorization_code', 'refresh_token'])
  const { redeem } = await obtainCode(server, { changes: { client_id: json.client_id ?? '' } })
  expect((await redeem()).json.refresh_token).toBeDefined()
})

verifies('R4', 'so can one that names the code alone: it is given a refresh token, too', async () => {
  await using server = await startAuthServer()
  for (const grants of [['authorization_code'], ['authorization_code', 'refresh_token']]) {
    const metadata = { redirect_uris: [loopback], token_endpoint_auth_method: 'none', grant_types: grants }
    const { json } = await server.register({ ...metadata, client_name: grants.join(' ') })
    expect(json.grant_types).toEqual(['authorization_code', 'refresh_token'])
    const { redeem } = await obtainCode(server, { changes: { client_id: json.client_id ?? '' } })
    const tokens = (await redeem()).json
    expect((await refresh(server, tokens.refresh_token, { client_id: json.client_id ?? '' })).status).toBe(200)
  }
})

verifies(
  'R4',
  'ID tokens are signed with RS256 for who names no algorithm or one that is not offered, and with ES256 on demand',
  async () => {
    await using server = await startAuthServer()
    const algorithmOf = async (wish: object) =>
      (await server.register({ redirect_uris: [web], ...wish })).json.id_token_signed_response_alg
    expect(await algorithmOf({})).toBe('RS256')
    expect(await algorithmOf({ id_token_signed_response_alg: 'RS256' })).toBe('RS256')
    expect(await algorithmOf({ id_token_signed_response_alg: 'ES256' })).toBe('ES256')
    for (const other of ['none', 'HS256', 'PS256', 'EdDSA', 7])
      expect(await algorithmOf({ id_token_signed_response_alg: other }), String(other)).toBe('RS256')
  },
)

verifies('R5', 'what only the server may set is not taken from the client', async () => {
  await using server = await startAuthServer()
  const wishes = {
    client_id: 'robot',
    client_secret: 'a secret of the wisher, long enough',
    client_id_issued_at: 1,
    client_secret_expires_at: 4_102_444_800,
    registration_access_token: 'x',
    gatehouse_registration: 'static',
    gatehouse_scope: 'mcp:tools:notify',
    github_device_flow: true,
    sector_identifier_uri: 'https://127.0.0.1:1/never-fetched',
  }
  const { status, text, json } = await server.register({ redirect_uris: [web], ...wishes })
  expect(status, text).toBe(201)
  expect(json.client_id).toMatch(/^[\w-]{16,}$/)
  expect(json.client_id).not.toMatch(/^(robot|dev|github|google|oidc)/)
  expect(json.client_secret).toMatch(/^[\w-]{43,}$/)
  expect([json.client_secret_expires_at, json.client_id_issued_at]).toEqual([0, Math.floor(Date.now() / 1000)])
  expect(Object.keys(json).filter((name) => /gatehouse|registration|github|sector/.test(name))).toEqual([])
  const publicClient = await server.register({
    redirect_uris: [web],
    token_endpoint_auth_method: 'none',
    client_secret: 'x'.repeat(32),
  })
  expect([publicClient.status, publicClient.json.client_secret]).toEqual([201, undefined])
})

verifies('R5', 'a body that is no JSON object of sane size is refused', async () => {
  await using server = await startAuthServer()
  const json = { 'content-type': 'application/json' }
  const bodies = ['', '{', '[]', 'null', '"x"', '1', `[${JSON.stringify({ redirect_uris: [web] })}]`, '\u0000']
  for (const body of bodies)
    expect([body, errorOf(await server.post('/register', body, json))]).toEqual([body, refused(400, 'invalid_request')])
  const metadata = JSON.stringify({ redirect_uris: [web] })
  const unread: readonly (readonly [string, string | Buffer, Record<string, string>])[] = [
    ['a form', `redirect_uris=${web}`, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['text', metadata, { 'content-type': 'text/plain' }],
    ['no type', metadata, {}],
    ['nothing', '', {}],
    ['gzip', gzipSync(metadata), { ...json, 'content-encoding': 'gzip' }],
  ]
  for (const [what, body, headers] of unread) {
    const answer = await server.post('/register', body, headers)
    expect([what, errorOf(answer)]).toEqual([what, refused(415, 'invalid_request')])
    expect(answer.headers['access-control-allow-origin']).toBe('*')
  }
  expect((await server.post('/register', metadata, { 'content-type': 'application/json; charset=utf-8' })).status).toBe(
    201,
  )
  expect((await server.post('/register', metadata, { ...json, 'content-encoding': 'identity' })).status).toBe(201)
  const huge = await server.register({ redirect_uris: [web], client_name: 'x'.repeat(60 * 1024) })
  expect([huge.status, huge.json.error]).toEqual([expect.toBeOneOf([400, 413]), 'invalid_request'])

  const polluting = await server.post(
    '/register',
    `{"redirect_uris":["${web}"],"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}`,
    json,
  )
  expect(polluting.status).toBe(201)
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  expect(polluting.text).not.toContain('polluted')
})

test('contacts that are no e-mail addresses are left out, and the client is registered', async () => {
  await using server = await startAuthServer()
  const contacts = [
    'ada@app.example.com',
    'https://app.example.com/help',
    '+1 555 0100',
    'Ada <ada@app.example.com>',
    '',
  ]
  const { status, text, json } = await server.register({ redirect_uris: [web], contacts })
  expect(status, text).toBe(201)
  expect(json.contacts).toEqual(['ada@app.example.com'])
  const none = await server.register({ redirect_uris: [web], contacts: ['x'] })
  expect([none.status, none.json.contacts]).toEqual([201, []])
  for (const wrong of ['ada@app.example.com', [1]])
    expect(errorOf(await server.register({ redirect_uris: [web], contacts: wrong }))).toEqual(invalidMetadata)
})

verifies(['R6', 'R8'], 'links in metadata are web addresses, and a key set is https', async () => {
  await using server = await startAuthServer()
  for (const member of ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri']) {
    for (const value of [
      'javascript:alert(1)',
      'data:image/png;base64,x',
      'file:///x',
      '//x',
      'x',
      1,
      ['https://x.example'],
    ]) {
      expect([member, value, errorOf(await server.register({ redirect_uris: [web], [member]: value }))]).toEqual([
        member,
        value,
        invalidMetadata,
      ])
    }
    for (const empty of ['', null])
      expect((await server.register({ redirect_uris: [web], [member]: empty })).status).toBe(201)
  }
  expect(errorOf(await server.register({ redirect_uris: [web], jwks_uri: 'http://app.example.com/jwks' }))).toEqual(
    invalidMetadata,
  )
})

verifies(['R7', 'R8'], 'nothing that a client names is fetched, neither by the server nor by its pages', async () => {
  let connections = 0
  const listener = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  const there = `https://127.0.0.1:${port}`
  await using server = await startAuthServer()
  const { status, json } = await server.register({
    redirect_uris: [loopback],
    token_endpoint_auth_method: 'none',
    ...{ logo_uri: `${there}/logo.png`, client_uri: there, tos_uri: there, policy_uri: there },
    ...{ jwks_uri: `${there}/jwks`, sector_identifier_uri: `${there}/sector`, initiate_login_uri: `${there}/login` },
  })
  expect(status).toBe(201)
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge, { client_id: json.client_id }))
  const { html, headers, heading } = await browser.logIn()
  expect(heading).toBe('An app wants to use your account')
  expect(html).not.toContain(there)
  expect(headers['content-security-policy']).toContain("img-src 'self'")
  await new Promise((resolve) => listener.close(resolve))
  expect(connections).toBe(0)
})

verifies('R9', 'a client that names scopes gets none of its own choosing', async () => {
  await using server = await startAuthServer()
  const scope = 'openid admin mcp:tools:read mcp:tools:everything'
  const { status, json } = await server.register({
    redirect_uris: [loopback],
    token_endpoint_auth_method: 'none',
    scope,
  })
  expect([status, json.scope]).toEqual([201, undefined])
  const { redeem } = await obtainCode(server, {
    changes: { client_id: json.client_id ?? '', scope: 'admin mcp:tools:everything mcp:tools:read' },
  })
  expect((await redeem()).json.scope).toBe('mcp:tools:read')
})

verifies('N8', 'registering the same metadata again gives another client with another secret', async () => {
  await using server = await startAuthServer()
  const metadata = { client_name: 'Victim', redirect_uris: [web] }
  const [victim, attacker] = [await server.register(metadata), await server.register(metadata)]
  expect(attacker.json.client_id).not.toBe(victim.json.client_id)
  expect(attacker.json.client_secret).not.toBe(victim.json.client_secret)
  const crossed = { client_id: victim.json.client_id ?? '', client_secret: attacker.json.client_secret ?? '' }
  expect(errorOf(await server.token({ grant_type: 'refresh_token', refresh_token: 'x' }, basic(crossed)))).toEqual(
    refused(401, 'invalid_client'),
  )
})

verifies(['R11', 'R12'], 'a registration cannot be managed afterwards, and asks for no token before', async () => {
  await using server = await startAuthServer()
  const { status, json } = await server.register({ redirect_uris: [web] })
  expect([status, json.registration_access_token, json.registration_client_uri]).toEqual([201, undefined, undefined])
  for (const method of ['GET', 'PUT', 'DELETE']) {
    expect((await server.request({ method, path: `/register/${json.client_id}` })).status).toBe(404)
  }
})

test('a page of any origin can register its client', async () => {
  await using server = await startAuthServer()
  const origin = { origin: 'https://inspector.example' }
  const preflight = await server.request({
    method: 'OPTIONS',
    path: '/register',
    headers: { ...origin, 'access-control-request-method': 'POST' },
  })
  expect(preflight).toMatchObject({
    status: 204,
    headers: { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'POST' },
  })
  const { status, headers } = await server.register({ redirect_uris: [web] }, origin)
  expect([status, headers['access-control-allow-origin'], headers['cache-control']]).toEqual([201, '*', 'no-store'])
})

provesSecrecy()
