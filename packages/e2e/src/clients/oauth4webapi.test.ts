// oauth4webapi, which forgives nothing: discovery, every grant, and every error as the error it is.
import { createPerson, verifies } from '@gatehouse/testing'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { secretsInLogs } from '../harness/secrets.ts'
import { type RunningSite, startSite } from './site.ts'

const machine = {
  client_id: 'nightly-report',
  client_secret: 'a-planted-secret: of the nightly & report+%',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}
const website = {
  client_id: 'website',
  client_secret: 'a-planted-secret-of-the-website',
  redirect_uris: ['https://app.example.com/callback'],
}
const loopback = 'http://127.0.0.1:49152/callback'
const http = { [oauth.allowInsecureRequests]: true }

let site: RunningSite
let server: oauth.AuthorizationServer
let app: oauth.Client
const secrets: (string | undefined)[] = []

beforeAll(async () => {
  site = await startSite([machine, website])
  const issuer = new URL(site.issuer)
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http })
  server = await oauth.processDiscoveryResponse(issuer, found)
  const registration = await oauth.dynamicClientRegistrationRequest(
    server,
    {
      client_name: 'Strict app',
      redirect_uris: [loopback],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
      token_endpoint_auth_method: 'none',
    },
    http,
  )
  app = await oauth.processDynamicClientRegistrationResponse(registration)
})
afterAll(async () => {
  expect(secretsInLogs(site.logs(), { others: secrets })).toEqual([])
  await site[Symbol.asyncDispose]()
})

/** Goes through the browser; what came back, judged by the library: state, issuer (RFC 9207) and errors. */
async function authorize(client: oauth.Client, redirectUri: string, changes: Record<string, string> = {}) {
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const url = new URL(server.authorization_endpoint ?? '')
  url.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'mcp:tools:read mcp:tools:call',
    resource: site.resource,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...changes,
  }).toString()
  const person = createPerson(site)
  let { leftTo } = await person.open(url.href)
  if (!leftTo) {
    await person.logIn()
    ;({ leftTo } = await person.approve())
  }
  secrets.push(verifier, leftTo?.searchParams.get('code') ?? undefined)
  return { parameters: oauth.validateAuthResponse(server, client, leftTo as URL, state), verifier }
}

async function redeem(client: oauth.Client, auth: oauth.ClientAuth, redirectUri: string) {
  const { parameters, verifier } = await authorize(client, redirectUri)
  const options = { additionalParameters: { resource: site.resource }, ...http }
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    auth,
    parameters,
    redirectUri,
    verifier,
    options,
  )
  return keep(await oauth.processAuthorizationCodeResponse(server, client, response))
}

async function refresh(client: oauth.Client, auth: oauth.ClientAuth, token = '') {
  const response = await oauth.refreshTokenGrantRequest(server, client, auth, token, http)
  return keep(await oauth.processRefreshTokenResponse(server, client, response))
}

function keep(tokens: oauth.TokenEndpointResponse): oauth.TokenEndpointResponse {
  secrets.push(tokens.access_token, tokens.refresh_token)
  return tokens
}

/** What the resource server makes of a token: RFC 9068, judged by the library in its place. */
function judge(token: string): Promise<oauth.JWTAccessTokenClaims> {
  const request = new Request(site.resource, { headers: { authorization: `Bearer ${token}` } })
  return oauth.validateJwtAccessToken(server, request, site.resource, { signingAlgorithms: ['ES256'], ...http })
}

async function refusal(asked: Promise<unknown>): Promise<unknown> {
  const error = await asked.then(
    () => 'no error',
    (thrown: unknown) => thrown,
  )
  return error instanceof oauth.ResponseBodyError || error instanceof oauth.AuthorizationResponseError
    ? error.error
    : error
}

verifies(['J1', 'A8'], 'both documents are what their specifications say, and name the issuer', async () => {
  for (const algorithm of ['oauth2', 'oidc'] as const) {
    const issuer = new URL(site.issuer)
    const response = await oauth.discoveryRequest(issuer, { algorithm, ...http })
    const found = await oauth.processDiscoveryResponse(issuer, response)
    expect(found).toMatchObject({
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ['S256'],
      client_id_metadata_document_supported: true,
    })
  }
})

test('RFC 9728: the document of the resource is where it has to be, and leads to the issuer', async () => {
  const resource = new URL(site.resource)
  const response = await oauth.resourceDiscoveryRequest(resource, http)
  const found = await oauth.processResourceDiscoveryResponse(resource, response)
  expect(found.authorization_servers).toEqual([site.issuer])
})

test('without a token the resource answers with a challenge that the library can read', async () => {
  const asked = oauth.protectedResourceRequest(
    'not-a-token',
    'POST',
    new URL(site.resource),
    undefined,
    undefined,
    http,
  )
  const error = (await asked.catch((thrown: unknown) => thrown)) as oauth.WWWAuthenticateChallengeError
  expect(error).toBeInstanceOf(oauth.WWWAuthenticateChallengeError)
  expect(error.status).toBe(401)
  expect(error.cause[0]).toMatchObject({ scheme: 'bearer', parameters: { error: 'invalid_token' } })
})

describe.each([
  { name: 'no secret', client: () => app, auth: oauth.None(), redirectUri: loopback },
  {
    name: 'a secret',
    client: () => ({ client_id: website.client_id }),
    auth: oauth.ClientSecretBasic(website.client_secret),
    redirectUri: website.redirect_uris[0] as string,
  },
])('a client with $name', ({ client, auth, redirectUri }) => {
  verifies(['T24', 'A8'], 'signs in by code, refreshes, and its tokens are RFC 9068', async () => {
    const tokens = await redeem(client(), auth, redirectUri)
    expect(await judge(tokens.access_token)).toMatchObject({ sub: 'dev:ada', client_id: client().client_id })
    const refreshed = await refresh(client(), auth, tokens.refresh_token)
    expect((await judge(refreshed.access_token)).scope).toBe('mcp:tools:read mcp:tools:call')
  })

  verifies(['RV1', 'RV4'], 'revokes, and what was revoked is an invalid_grant', async () => {
    const { refresh_token: token = '' } = await redeem(client(), auth, redirectUri)
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client(), auth, token, http))
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client(), auth, 'unknown', http))
    expect(await refusal(refresh(client(), auth, token))).toBe('invalid_grant')
  })
})

test('an ID token comes with the scope openid, and the library accepts it', async () => {
  const { parameters, verifier } = await authorize(app, loopback, { scope: 'openid mcp:tools:read' })
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    app,
    oauth.None(),
    parameters,
    loopback,
    verifier,
    http,
  )
  const tokens = keep(await oauth.processAuthorizationCodeResponse(server, app, response, { requireIdToken: true }))
  expect(oauth.getValidatedIdTokenClaims(tokens)).toMatchObject({
    iss: site.issuer,
    aud: app.client_id,
    sub: 'dev:ada',
  })
})

verifies(['D3', 'D4'], 'a device waits as it is told, and gets its tokens', async () => {
  const fields = { scope: 'mcp:tools:read mcp:tools:call', resource: site.resource }
  const asked = await oauth.deviceAuthorizationRequest(server, app, oauth.None(), fields, http)
  const device = await oauth.processDeviceAuthorizationResponse(server, app, asked)
  secrets.push(device.device_code)
  const poll = async () => {
    const response = await oauth.deviceCodeGrantRequest(server, app, oauth.None(), device.device_code, http)
    return oauth.processDeviceCodeResponse(server, app, response)
  }
  expect(await refusal(poll())).toBe('authorization_pending')
  expect(await refusal(poll())).toBe('slow_down')
  const person = createPerson(site)
  await person.enterCode(device.user_code)
  await person.logIn()
  await person.approve()
  const tokens = keep(await poll())
  expect((await judge(tokens.access_token)).sub).toBe('dev:ada')
  expect((await refresh(app, oauth.None(), tokens.refresh_token)).refresh_token).toBeDefined()
})

verifies(
  ['T19', 'T5'],
  'a machine is itself, with its secret in either place that its registration allows',
  async () => {
    const client = { client_id: machine.client_id }
    const ask = async (auth: oauth.ClientAuth, fields: Record<string, string> = { resource: site.resource }) => {
      const response = await oauth.clientCredentialsGrantRequest(server, client, auth, fields, http)
      return keep(await oauth.processClientCredentialsResponse(server, client, response))
    }
    const basic = oauth.ClientSecretBasic(machine.client_secret)
    const tokens = await ask(basic)
    expect(await judge(tokens.access_token)).toMatchObject({ sub: machine.client_id, client_id: machine.client_id })
    expect(tokens.refresh_token).toBeUndefined()
    const asked = ask(oauth.ClientSecretBasic('a wrong secret of the nightly report'))
    const wrong: unknown = await asked.catch((thrown: unknown) => thrown)
    // RFC 6749 §5.2: who sent Authorization is answered with a challenge
    expect(wrong).toBeInstanceOf(oauth.WWWAuthenticateChallengeError)
    expect(await refusal(ask(basic, { scope: 'mcp:tools:admin' }))).toBe('invalid_scope')
    expect(await refusal(ask(basic, { resource: 'https://mcp.evil.example/mcp' }))).toBe('invalid_target')
  },
)

test('every refusal of the authorization endpoint is the error it should be', async () => {
  for (const [changes, error] of [
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ response_mode: 'form_post' }, 'unsupported_response_mode'],
    [{ resource: 'https://mcp.evil.example/mcp' }, 'invalid_target'],
    [{ prompt: 'none' }, 'login_required'],
  ] as const) {
    expect([changes, await refusal(authorize(app, loopback, changes))]).toEqual([changes, error])
  }
})

test('every refusal of registration is the error it should be', async () => {
  const register = async (metadata: object) =>
    oauth.processDynamicClientRegistrationResponse(
      await oauth.dynamicClientRegistrationRequest(server, metadata as Partial<oauth.Client>, http),
    )
  const base = { redirect_uris: [loopback], token_endpoint_auth_method: 'none' }
  expect(await refusal(register({ ...base, redirect_uris: ['http://app.example.com/'] }))).toBe('invalid_redirect_uri')
  expect(await refusal(register({ ...base, grant_types: ['client_credentials'] }))).toBe('invalid_client_metadata')
  expect(await refusal(register({ ...base, token_endpoint_auth_method: 'private_key_jwt' }))).toBe(
    'invalid_client_metadata',
  )
})
