// Clients that cannot run here, replayed over the wire against both services: from the address alone to a tool's answer,
// and on through three refreshes. What each sends is in fixtures/, with its source.
import { createPerson } from '@gatehouse/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { claimsOf } from '../harness/claims.ts'
import { secretsInLogs } from '../harness/secrets.ts'
import { fixtures } from './fixtures/index.ts'
import { greet } from './mcp-wire.ts'
import {
  type Answer,
  approve,
  ask,
  authorization,
  type Discovered,
  discover,
  identify,
  type Registered,
  readCode,
  register,
  resourceOn,
  token,
} from './replay.ts'
import { type RunningSite, startSite } from './site.ts'

const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

let site: RunningSite
const secrets: unknown[] = []

beforeAll(async () => {
  site = await startSite(fixtures.flatMap(({ identity }) => (identity.kind === 'static' ? [identity.metadata] : [])))
})
afterAll(async () => {
  expect(secretsInLogs(site.logs(), { others: secrets.map(String) })).toEqual([])
  await site[Symbol.asyncDispose]()
})

function expectTokens({ status, headers, json, text }: Answer): { access: string; refresh: string } {
  expect(status, text).toBe(200)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(json).toMatchObject({ token_type: 'Bearer', expires_in: expect.any(Number), scope: expect.any(String) })
  expect(claimsOf(String(json.access_token))).toMatchObject({ aud: site.resource, iss: site.issuer })
  secrets.push(json.access_token, json.refresh_token)
  expect(json.refresh_token, 'a refresh token, offline_access or not').toEqual(expect.any(String))
  return { access: String(json.access_token), refresh: String(json.refresh_token) }
}

describe.each(fixtures)('$name', (fixture) => {
  const call = (access: string) => greet({ ...fixture, resource: site.resource, token: access })
  const hello = `Hello, ${fixture.clientInfo.name}!`

  /** `scope`: as it was asked for at first. */
  const goOn = async (discovered: Discovered, client: Registered, refreshToken: string, scope: string | undefined) => {
    let latest = refreshToken
    for (let round = 0; round < 3; round += 1) {
      const { access, refresh } = expectTokens(
        await token(fixture, discovered, client, {
          grant_type: 'refresh_token',
          refresh_token: latest,
          resource: resourceOn('refresh', fixture, discovered),
          scope: fixture.scopeAtRefresh ? scope : undefined,
        }),
      )
      latest = refresh
      expect(await call(access)).toBe(hello)
    }
  }

  test('from the address to a tool, and on through three refreshes', async () => {
    const discovered = await discover(site, fixture)
    const client = await identify(site, fixture, discovered)
    const request = authorization(fixture, discovered, client)
    const code = readCode(site, fixture, request, await approve(site, request))
    const first = expectTokens(
      await token(fixture, discovered, client, {
        grant_type: 'authorization_code',
        code,
        code_verifier: request.verifier,
        redirect_uri: fixture.redirectUri,
        resource: resourceOn('token', fixture, discovered),
      }),
    )
    expect(await call(first.access)).toBe(hello)
    await goOn(discovered, client, first.refresh, request.scope)
  })

  const { identity } = fixture
  if (identity.kind === 'registered') {
    test('registers again at the next start, and is the same client if it has no secret', async () => {
      const { server, grants } = await discover(site, fixture)
      const [one, two] = [await register(server, identity.body(grants)), await register(server, identity.body(grants))]
      const isPublic = one.json.token_endpoint_auth_method === 'none'
      expect(one.json.client_id === two.json.client_id).toBe(isPublic)
    })
  }

  if (fixture.deviceFallback) {
    test('signs in by device code where no browser returns to it, with the resource on the first request only', async () => {
      const discovered = await discover(site, fixture)
      const client = await identify(site, fixture, discovered)
      const { status, json, text } = await ask(discovered.server.device_authorization_endpoint ?? '', {
        method: 'POST',
        body: new URLSearchParams({
          client_id: client.clientId,
          scope: discovered.scope,
          resource: discovered.resource,
        }),
      })
      expect(status, text).toBe(200)
      const person = createPerson(site)
      await person.enterCode(String(json.user_code))
      await person.logIn('grace')
      expect((await person.approve()).heading).toBe('You are signed in on your device')
      const poll = { grant_type: deviceGrant, device_code: String(json.device_code) }
      const { access, refresh } = expectTokens(await token(fixture, discovered, client, poll))
      expect(await call(access)).toBe(hello)
      await goOn(discovered, client, refresh, discovered.scope)
    })
  }
})
