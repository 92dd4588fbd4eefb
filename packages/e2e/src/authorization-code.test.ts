// Apps with a browser, judged by openid-client, which refuses whatever the specifications do not allow.
import { type Stack, startStack, verifies } from '@gatehouse/testing'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from './harness/browser.ts'
import { type Callback, openCallback } from './harness/callback.ts'
import { claimsOf } from './harness/claims.ts'
import { secretsInLogs } from './harness/secrets.ts'

const machine = {
  client_id: 'nightly-report',
  client_secret: 'a-planted-secret-of-the-nightly-report',
  client_name: 'Nightly report',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}

let stack: Stack
let browser: PersonBrowser
let callback: Callback
let app: oauth.Configuration

beforeAll(async () => {
  ;[stack, browser, callback] = await Promise.all([startStack({ clients: [machine] }), openBrowser(), openCallback()])
  app = await oauth.dynamicClientRegistration(
    new URL(stack.issuer),
    {
      client_name: 'Weather app',
      redirect_uris: [callback.url],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    oauth.None(),
    { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] },
  )
})
afterAll(async () => {
  await Promise.all([callback, browser, stack].map((each) => each[Symbol.asyncDispose]()))
})

interface Request {
  readonly url: URL
  readonly checks: oauth.AuthorizationCodeGrantChecks
}

async function authorizationRequest(scope = 'mcp:tools:read mcp:tools:call'): Promise<Request> {
  const verifier = oauth.randomPKCECodeVerifier()
  const state = oauth.randomState()
  const url = oauth.buildAuthorizationUrl(app, {
    redirect_uri: callback.url,
    scope,
    resource: stack.resource,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  return { url, checks: { pkceCodeVerifier: verifier, expectedState: state } }
}

async function logIn(person: Person, { url }: Request, name: string): Promise<void> {
  await person.open(url.href)
  await person.logInAs(name)
}

verifies('A16', 'an app signs somebody in: consent shows the facts, the browser returns, tokens verify', async () => {
  const request = await authorizationRequest()
  await using ada = await browser.person()
  await logIn(ada, request, 'ada')
  expect(await ada.heading()).toBe('An app wants to use your account')
  const facts = await ada.page.getByRole('main').innerText()
  for (const fact of ['Weather app', 'a program on this computer', 'Run tools for you', stack.resource, 'dev:ada']) {
    expect(facts).toContain(fact)
  }
  await ada.photograph('consent')

  const answered = callback.answer()
  await ada.approve()
  expect(await ada.heading(), 'form-action lets the browser follow the redirect').toBe('Back at the app')
  const tokens = await oauth.authorizationCodeGrant(app, await answered, request.checks)
  expect(tokens.scope).toBe('mcp:tools:read mcp:tools:call')
  expect(claimsOf(tokens.access_token)).toMatchObject({ sub: 'dev:ada', aud: stack.resource, iss: stack.issuer })

  const refreshed = await oauth.refreshTokenGrant(app, tokens.refresh_token ?? '')
  expect(claimsOf(refreshed.access_token)).toMatchObject({ sub: 'dev:ada', aud: stack.resource })
  expect(refreshed.refresh_token, 'public clients rotate').not.toBe(tokens.refresh_token)

  const others = [tokens.access_token, tokens.refresh_token, refreshed.access_token, refreshed.refresh_token]
  const code = (await answered).searchParams.get('code') ?? undefined
  expect(secretsInLogs(stack.logs(), { others: [...others, code, request.checks.pkceCodeVerifier] })).toEqual([])
})

verifies('A8', 'a refusal returns to the app with access_denied, the state and the issuer', async () => {
  const request = await authorizationRequest()
  await using bob = await browser.person()
  await logIn(bob, request, 'bob')
  const answered = callback.answer()
  await bob.refuse()
  const refusal = await oauth
    .authorizationCodeGrant(app, await answered, request.checks)
    .catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(oauth.AuthorizationResponseError)
  expect(refusal).toMatchObject({ error: 'access_denied' })
  expect((await answered).searchParams.get('iss')).toBe(stack.issuer)
})

test('another account can be chosen on the consent page', async () => {
  const request = await authorizationRequest()
  await using somebody = await browser.person()
  await logIn(somebody, request, 'ada')
  await somebody.switchAccount()
  await somebody.logInAs('grace')
  const answered = callback.answer()
  await somebody.approve()
  const tokens = await oauth.authorizationCodeGrant(app, await answered, request.checks)
  expect(claimsOf(tokens.access_token).sub).toBe('dev:grace')
})

verifies('A1', 'an unknown app gets a page that explains, and no redirect', async () => {
  const { url } = await authorizationRequest()
  url.searchParams.set('client_id', 'nobody')
  await using ada = await browser.person()
  const response = await ada.page.goto(url.href)
  expect(response?.status()).toBe(400)
  expect(new URL(ada.page.url()).origin).toBe(stack.issuer)
  expect(await ada.page.getByRole('link').count(), 'a next step').toBeGreaterThan(0)
  await ada.photograph('error-unknown-app')
})

test('a program of the operator signs in with its secret and is itself', async () => {
  const config = await oauth.discovery(new URL(stack.issuer), machine.client_id, machine.client_secret, undefined, {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests],
  })
  const tokens = await oauth.clientCredentialsGrant(config, { scope: 'mcp:tools:read', resource: stack.resource })
  expect(claimsOf(tokens.access_token)).toMatchObject({ sub: machine.client_id, scope: 'mcp:tools:read' })
  expect(tokens.refresh_token).toBeUndefined()
  expect(secretsInLogs(stack.logs(), { others: [machine.client_secret, tokens.access_token] })).toEqual([])
})
