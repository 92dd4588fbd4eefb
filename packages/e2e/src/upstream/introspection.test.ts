// What a resource server learns of a token whose person signed in through Google: RFC 7662 before and after RFC 7009, over
// the wire, by a client that other people wrote.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createFakeOpenIdProvider, type FakeOpenIdProvider, type Stack, startStack, verifies } from '@gatehouse/testing'
import * as oauth from 'openid-client'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { openBrowser, type PersonBrowser } from '../harness/browser.ts'
import { secretsInLogs } from '../harness/secrets.ts'
import { continueWith, openIdSettings, press } from './sign-in.ts'

const kiosk = {
  client_id: 'kiosk',
  client_name: 'Kiosk',
  client_secret: 'a-planted-secret-of-the-kiosk',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  redirect_uris: [],
  response_types: [],
}
const guard = {
  client_id: 'guard',
  client_secret: 'a-planted-secret-of-the-guard',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}

let google: FakeOpenIdProvider
let stack: Stack
let browser: PersonBrowser
let asKiosk: oauth.Configuration
let asGuard: oauth.Configuration

beforeAll(async () => {
  google = await createFakeOpenIdProvider()
  const env = { auth: { AUTH_DEV_LOGIN: 'false', ...openIdSettings('GOOGLE', google) } }
  ;[stack, browser] = await Promise.all([startStack({ env, clients: [kiosk, guard] }), openBrowser()])
  // only now it is known which resource the guard belongs to
  const guards = { ...guard, resource_server: stack.resource }
  writeFileSync(join(stack.dataDir, 'clients.json'), JSON.stringify([kiosk, guards]))
  ;[asKiosk, asGuard] = await Promise.all([connect(kiosk), connect(guard)])
})
afterAll(async () => {
  await Promise.all([browser, stack, google].map((each) => each[Symbol.asyncDispose]()))
})

function connect({ client_id: id, client_secret: secret }: typeof kiosk | typeof guard): Promise<oauth.Configuration> {
  const options: oauth.DiscoveryRequestOptions = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }
  return oauth.discovery(new URL(stack.issuer), id, secret, undefined, options)
}

/** Ada signs in at Google and approves the kiosk. */
async function signIn(): Promise<oauth.TokenEndpointResponse & oauth.TokenEndpointResponseHelpers> {
  const asked = await oauth.initiateDeviceAuthorization(asKiosk, {
    resource: stack.resource,
    scope: 'mcp:tools:read mcp:tools:call',
  })
  await using ada = await browser.person()
  await ada.open(asked.verification_uri_complete ?? '')
  await ada.enterCode()
  await continueWith(ada, 'Google')
  await press(ada, 'Sign in as ada')
  await ada.approve()
  return oauth.pollDeviceAuthorizationGrant(asKiosk, asked)
}

const introspect = (as: oauth.Configuration, token: string) => oauth.tokenIntrospection(as, token)

verifies(
  ['I1', 'I2', 'RV4'],
  'an access token is active for its client and its resource, and for nobody once it is revoked, which ends its grant',
  async () => {
    const { access_token: token, refresh_token: refreshToken = '' } = await signIn()
    const facts = {
      active: true,
      sub: 'google:248289761001',
      client_id: 'kiosk',
      aud: stack.resource,
      iss: stack.issuer,
      scope: 'mcp:tools:read mcp:tools:call',
    }
    expect(await introspect(asKiosk, token)).toMatchObject(facts)
    // the server reads the client file again a moment after it changed
    await vi.waitFor(async () => expect(await introspect(asGuard, token)).toMatchObject(facts), { timeout: 10_000 })

    await oauth.tokenRevocation(asKiosk, token)
    expect(await introspect(asKiosk, token)).toEqual({ active: false })
    expect(await introspect(asGuard, token)).toEqual({ active: false })
    await expect(oauth.refreshTokenGrant(asKiosk, refreshToken)).rejects.toMatchObject({ error: 'invalid_grant' })
    const others = [token, refreshToken, kiosk.client_secret, guard.client_secret, ...google.issued]
    expect(secretsInLogs(stack.logs(), { others })).toEqual([])
  },
)
