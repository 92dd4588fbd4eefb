import { authorizationServerMetadata } from '@gatehouse/shared'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce } from '../harness/flows.ts'

const documents = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']

verifies('J1', 'the key set has public members only, labelled, and may be kept for a while by anybody', async () => {
  await using server = await startAuthServer()
  const { status, headers, json } = await server.get('/jwks', { origin: 'https://inspector.example' })
  expect(status).toBe(200)
  expect(headers['content-type']).toMatch(/^application\/(jwk-set\+)?json/)
  expect(headers['cache-control']).toBe('public, max-age=300')
  expect(headers['access-control-allow-origin']).toBeOneOf(['*', 'https://inspector.example'])
  expect(headers['access-control-allow-credentials']).toBeUndefined()
  const { keys } = json as unknown as { keys: Record<string, string>[] }
  expect(keys.length).toBeGreaterThan(0)
  expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
  for (const key of keys) {
    const { iat: _madeAt, ...rest } = key
    const common = { kid: expect.any(String), use: 'sig' }
    expect(rest).toEqual(
      key.kty === 'EC'
        ? { ...common, kty: 'EC', alg: 'ES256', crv: 'P-256', x: expect.any(String), y: expect.any(String) }
        : { ...common, kty: 'RSA', alg: 'RS256', e: 'AQAB', n: expect.stringMatching(/^[\w-]{342}$/) },
    )
  }
  expect(new Set(keys.map(({ alg }) => alg))).toEqual(new Set(['ES256', 'RS256']))
})

verifies('J1', 'both metadata documents say the same, name what there is and may be kept', async () => {
  await using server = await startAuthServer()
  const [oauth, oidc] = [await server.get(documents[0] ?? ''), await server.get(documents[1] ?? '')]
  expect(oidc.json).toEqual(oauth.json)
  expect(oauth.headers['cache-control']).toBe('public, max-age=300')
  const { issuer } = server
  expect(authorizationServerMetadata.parse(oauth.json)).toMatchObject({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    registration_endpoint: `${issuer}/register`,
    device_authorization_endpoint: `${issuer}/device_authorization`,
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    scopes_supported: [
      'openid',
      'profile',
      'email',
      'offline_access',
      'mcp:tools:read',
      'mcp:tools:call',
      'mcp:tools:notify',
    ],
  })
  expect(oauth.json.grant_types_supported).toEqual(
    expect.arrayContaining([
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
    ]),
  )
  expect(oauth.json.grant_types_supported).not.toContain('implicit')
  expect(oauth.json).toMatchObject({
    userinfo_endpoint: `${issuer}/userinfo`,
    end_session_endpoint: `${issuer}/logout`,
    subject_types_supported: ['public'],
    protected_resources: ['http://localhost:3000/mcp'],
  })
  expect(oauth.json.claims_supported).toEqual(
    expect.arrayContaining(['sub', 'name', 'preferred_username', 'picture', 'email', 'email_verified']),
  )
  expect(oauth.json.id_token_signing_alg_values_supported).toEqual(['ES256', 'RS256'])
})

test('every endpoint that the metadata names is there', async () => {
  await using server = await startAuthServer()
  const { json } = await server.get(documents[0] ?? '')
  const endpoints = Object.entries(json).filter(([name]) => /_(endpoint|uri)$/.test(name))
  expect(endpoints.length).toBeGreaterThan(4)
  for (const [name, url] of endpoints) {
    const { pathname } = new URL(String(url))
    const method = name === 'authorization_endpoint' || name === 'jwks_uri' ? 'GET' : 'POST'
    expect([name, (await server.request({ method, path: pathname })).status]).not.toEqual([name, 404])
  }
})

const spoofed = {
  host: 'evil.example',
  forwarded: 'host=evil.example;proto=https;for=203.0.113.7',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '8443',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-prefix': '/evil',
  'x-original-host': 'evil.example',
}

verifies('J2', 'no header changes the issuer or an address in the metadata', async () => {
  for (const environment of [{}, { TRUST_PROXY: '127.0.0.1' }] as const) {
    await using server = await startAuthServer({ environment })
    for (const path of documents) {
      const { json } = await server.get(path)
      expect((await server.get(path, spoofed)).json).toEqual(json)
      expect(JSON.stringify(json)).not.toContain('evil')
    }
  }
})

verifies('J2', 'no header changes an address that is printed or led to, nor a cookie', async () => {
  const { host: _host, 'x-forwarded-host': _forwardedHost, ...headers } = spoofed
  for (const environment of [{}, { TRUST_PROXY: '127.0.0.1' }] as const) {
    await using server = await startAuthServer({ environment })
    const device = await server.post('/device_authorization', { client_id: 'terminal' }, headers)
    expect(device.json.verification_uri).toBe(`${server.issuer}/device`)
    expect(device.json.verification_uri_complete).toBe(`${server.issuer}/device?user_code=${device.json.user_code}`)
    const authorize = await server.get(authorizePath(createPkce().challenge), headers)
    expect([authorize.status, authorize.headers.location]).toEqual([
      303,
      expect.stringMatching(/^\/interaction\/[\w-]+$/),
    ])
    expect(JSON.stringify(authorize.headers['set-cookie'])).not.toMatch(/evil|domain=|secure/i)
    const browser = server.openBrowser({ headers })
    await browser.enterCode(device.json.user_code ?? '')
    expect(browser.page.html).not.toContain('evil')
  }
})

test('an address is read as proxies write it; what is not an address counts as the proxy, and is logged once', async () => {
  await using server = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.0/8, 10.0.0.7' } })
  const seen = async (forwarded: string) => {
    await server.get('/', { 'x-forwarded-for': forwarded })
    return [...server.log().matchAll(/"remoteAddress":"([^"]*)"/g)].at(-1)?.[1]
  }
  for (const [forwarded, address] of [
    ['198.51.100.8:20000', '198.51.100.8'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['6.6.6.6, 198.51.100.8:20000, 10.0.0.7:5', '198.51.100.8'],
    ['198.51.100.8', '198.51.100.8'],
  ] as const)
    expect([forwarded, await seen(forwarded)]).toEqual([forwarded, address])
  expect(server.log()).not.toContain('no address')
  for (const [forwarded, address] of [
    ['unknown', '127.0.0.1'],
    ['', '127.0.0.1'],
    ['_hidden, 10.0.0.7', '10.0.0.7'],
    ['6.6.6.6, evil:80', '127.0.0.1'],
    ['300.1.1.1:80', '127.0.0.1'],
  ] as const)
    expect([forwarded, await seen(forwarded)]).toEqual([forwarded, address])
  expect(server.log().match(/no address/g)).toHaveLength(1)

  await using direct = await startAuthServer()
  await direct.get('/', { 'x-forwarded-for': 'unknown' })
  expect(direct.log()).not.toContain('no address')
})

test("the address that the approval page shows is the proxy's word if we trust it, and ours otherwise", async () => {
  const asked = async (server: AuthServer) => {
    const { userCode } = await askAsDevice(server, {}, { 'x-forwarded-for': '8.8.8.8', 'user-agent': 'curl/8.0' })
    const browser = server.openBrowser()
    await browser.enterCode(userCode)
    return (await browser.logIn()).text
  }
  await using trusting = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.0/8' } })
  expect(await asked(trusting)).toContain('from 8.8.8.8')
  await using direct = await startAuthServer()
  const text = await asked(direct)
  expect(text).not.toContain('8.8.8.8')
  expect(text).toContain('from this computer')
})

provesSecrecy()
