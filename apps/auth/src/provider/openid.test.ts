// The flows as openid-client sees them, which refuses what is not right by the letter: issuer, state, nonce, PKCE, the
// ID token's claims and, asked to, its signature under the published keys.
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import * as openid from 'openid-client'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import { type ClientMetadata, deviceGrant, robot, terminal, website, worker } from '../harness/clients.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import { loopback } from '../harness/flows.ts'

const openidScope = 'openid mcp:tools:read'

async function discover(server: AuthServer, client: ClientMetadata, algorithm: 'oidc' | 'oauth2' = 'oidc') {
  const { client_id: id, client_secret: secret, token_endpoint_auth_method: method } = client
  const authentication = !secret
    ? openid.None()
    : method === 'client_secret_post'
      ? openid.ClientSecretPost(secret)
      : openid.ClientSecretBasic(secret)
  return openid.discovery(new URL(server.issuer), id, {}, authentication, {
    algorithm,
    execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks],
  })
}

async function logInWithCode(
  server: AuthServer,
  config: openid.Configuration,
  redirectUri: string,
  wish: Readonly<Record<string, string>> = { scope: openidScope, resource: 'http://localhost:3000/mcp' },
) {
  const verifier = openid.randomPKCECodeVerifier()
  const [state, nonce] = [openid.randomState(), openid.randomNonce()]
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    ...wish,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  const browser = server.openBrowser()
  await browser.open(url.href)
  await browser.logIn('ada')
  const { leftTo = url } = await browser.approve()
  const tokens = await openid.authorizationCodeGrant(config, leftTo, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
  plant(tokens)
  return tokens
}

function plant(tokens: openid.TokenEndpointResponse): void {
  for (const name of ['access_token', 'refresh_token', 'id_token'] as const) evidence.plant(name, tokens[name])
}

/** Checks as a resource server does (RFC 9068). */
async function verifyAccessToken(server: AuthServer, token: string) {
  const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`))
  const expected = {
    issuer: server.issuer,
    audience: 'http://localhost:3000/mcp',
    typ: 'at+jwt',
    algorithms: ['ES256'],
    currentDate: new Date(),
  }
  return (await jwtVerify(token, keys, expected)).payload
}

for (const [client, redirectUri] of [
  [terminal, loopback],
  [website, website.redirect_uris[0]],
] as const) {
  test(`authorization code with PKCE and refresh satisfy a strict client: ${client.client_id}`, async () => {
    await using server = await startAuthServer()
    const config = await discover(server, client)
    const tokens = await logInWithCode(server, config, redirectUri)
    expect(tokens.claims()).toMatchObject({ iss: server.issuer, aud: client.client_id, sub: 'dev:ada' })
    expect(decodeProtectedHeader(tokens.id_token ?? '').alg, 'OpenID Connect Core §15.1').toBe('RS256')
    expect(await verifyAccessToken(server, tokens.access_token)).toMatchObject({
      sub: 'dev:ada',
      client_id: client.client_id,
    })

    server.elapse(60)
    const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '')
    plant(refreshed)
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token)
    expect(refreshed.claims()).toMatchObject({ sub: 'dev:ada', aud: client.client_id })
    expect(await verifyAccessToken(server, refreshed.access_token)).toMatchObject({
      sub: 'dev:ada',
      scope: 'mcp:tools:read',
    })
  })
}

test('a strict client that wants to know who somebody is is told at userinfo, and signs them out', async () => {
  await using server = await startAuthServer()
  const config = await discover(server, website)
  const tokens = await logInWithCode(server, config, website.redirect_uris[0], { scope: 'openid profile email' })
  expect(tokens.scope).toBe('openid profile email')
  const told = { sub: 'dev:ada', name: 'ada', preferred_username: 'ada' }
  expect(tokens.claims()).toMatchObject(told)
  expect(await openid.fetchUserInfo(config, tokens.access_token, 'dev:ada')).toEqual(told)
  await expect(verifyAccessToken(server, tokens.access_token), 'none of a resource server').rejects.toThrow()

  const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '')
  plant(refreshed)
  expect(await openid.fetchUserInfo(config, refreshed.access_token, 'dev:ada')).toEqual(told)
  const url = openid.buildEndSessionUrl(config, { id_token_hint: tokens.id_token ?? '' })
  expect((await server.openBrowser().open(url.href)).heading).toBe('You are signed out')
  await openid.tokenRevocation(config, refreshed.refresh_token ?? '')
  await expect(openid.fetchUserInfo(config, refreshed.access_token, 'dev:ada')).rejects.toThrow()
})

test('the device flow and its refresh satisfy a strict client', async () => {
  await using server = await startAuthServer()
  const config = await discover(server, terminal)
  const device = await openid.initiateDeviceAuthorization(config, {
    scope: openidScope,
    resource: 'http://localhost:3000/mcp',
  })
  evidence.plant('device_code', device.device_code)
  evidence.plant('user_code', device.user_code)
  expect(device.interval).toBe(5)
  const browser = server.openBrowser()
  await browser.open(device.verification_uri_complete ?? '')
  await browser.submit('/device')
  await browser.logIn('ada')
  await browser.approve()
  // the person was faster than the interval: the client need not wait for it
  const tokens = await openid.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.01 })
  plant(tokens)
  expect(tokens.claims()).toMatchObject({ iss: server.issuer, aud: terminal.client_id, sub: 'dev:ada' })
  expect(await verifyAccessToken(server, tokens.access_token)).toMatchObject({
    sub: 'dev:ada',
    scope: 'mcp:tools:read',
  })

  server.elapse(60)
  const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '')
  plant(refreshed)
  expect(refreshed.claims()?.sub).toBe('dev:ada')
})

test('a strict client reads the errors of the device flow', async () => {
  await using server = await startAuthServer()
  const config = await discover(server, terminal)
  const device = await openid.initiateDeviceAuthorization(config, {})
  const poll = () => openid.genericGrantRequest(config, deviceGrant, { device_code: device.device_code })
  await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending', status: 400 })
  await expect(poll()).rejects.toMatchObject({ error: 'slow_down', status: 400 })
  server.elapse(600)
  await expect(poll()).rejects.toMatchObject({ error: 'expired_token', status: 400 })
})

for (const client of [robot, worker]) {
  test(`client credentials satisfy a strict client: ${client.client_id}`, async () => {
    await using server = await startAuthServer()
    const config = await discover(server, client, 'oauth2')
    const tokens = await openid.clientCredentialsGrant(config, { scope: 'mcp:tools:read' })
    plant(tokens)
    expect(await verifyAccessToken(server, tokens.access_token)).toMatchObject({
      sub: client.client_id,
      client_id: client.client_id,
      scope: 'mcp:tools:read',
    })
    expect([tokens.id_token, tokens.refresh_token]).toEqual([undefined, undefined])
  })
}

test('registration satisfies a strict client, and what it registered can sign in at once', async () => {
  await using server = await startAuthServer()
  const config = await openid.dynamicClientRegistration(
    new URL(server.issuer),
    { redirect_uris: [loopback], token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' },
    openid.None(),
    { execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks] },
  )
  const tokens = await logInWithCode(server, config, loopback)
  expect(tokens.claims()?.sub).toBe('dev:ada')
  expect(decodeProtectedHeader(tokens.id_token ?? '').alg, 'what it asked for').toBe('ES256')
})

test('a strict client notices a refusal', async () => {
  await using server = await startAuthServer()
  const config = await discover(server, terminal)
  const verifier = openid.randomPKCECodeVerifier()
  const parameters = {
    redirect_uri: loopback,
    scope: openidScope,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  const browser = server.openBrowser()
  await browser.open(openid.buildAuthorizationUrl(config, parameters).href)
  await browser.logIn()
  const { leftTo = new URL(loopback) } = await browser.refuse()
  await expect(openid.authorizationCodeGrant(config, leftTo, { pkceCodeVerifier: verifier })).rejects.toMatchObject({
    error: 'access_denied',
  })
})

provesSecrecy()
