// The same clients with one thing wrong at a time: every variant is refused, with words that say why, and nothing of it
// reaches an address that was not registered.
import { createPerson, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { fixtures } from './fixtures/index.ts'
import {
  type Answer,
  approve,
  authorization,
  type Discovered,
  discover,
  identify,
  type Registered,
  readCode,
  register,
  token,
} from './replay.ts'
import { type RunningSite, startSite } from './site.ts'

let site: RunningSite

beforeAll(async () => {
  site = await startSite(fixtures.flatMap(({ identity }) => (identity.kind === 'static' ? [identity.metadata] : [])))
})
afterAll(async () => {
  await site[Symbol.asyncDispose]()
})

type Body = { readonly redirect_uris: readonly string[]; readonly [member: string]: unknown }

/** What is changed in a registration, and what the answer says. */
const registrations: readonly (readonly [string, (body: Body) => object, string, RegExp])[] = [
  ...(
    [
      ['javascript:alert(1)', /javascript: is not allowed/],
      ['data:text/html,x', /data: is not allowed/],
      ['http://app.evil.example/callback', /http is for this computer alone/],
      ['http://127.0.0.1.evil.example/callback', /http is for this computer alone/],
      ['https://*.evil.example/callback', /wildcards are not allowed/],
      ['https://claude.ai@evil.example/callback', /user information is not allowed/],
      ['https://claude.ai/api/mcp/auth_callback#x', /a fragment is not allowed/],
      ['evilapp://callback', /the scheme evilapp: must be a reversed domain name/],
      ['/callback', /each must be an absolute URI/],
    ] as const
  ).map(
    ([uri, why]) =>
      [
        `one redirect more: ${uri}`,
        (body: Body) => ({ ...body, redirect_uris: [...body.redirect_uris, uri] }),
        'invalid_redirect_uri',
        why,
      ] as const,
  ),
  [
    'no redirect',
    (body) => ({ ...body, redirect_uris: [], grant_types: ['authorization_code'] }),
    'invalid_redirect_uri',
    /must have members/,
  ],
  [
    'a grant without a person',
    (body) => ({ ...body, grant_types: ['client_credentials'] }),
    'invalid_client_metadata',
    /grant_types must name one of/,
  ],
  [
    'a key in place of a secret',
    (body) => ({ ...body, token_endpoint_auth_method: 'private_key_jwt' }),
    'invalid_client_metadata',
    /token_endpoint_auth_method/,
  ],
  [
    'a logo that is a script',
    (body) => ({ ...body, logo_uri: 'javascript:alert(1)' }),
    'invalid_client_metadata',
    /logo_uri must be a web address/,
  ],
  [
    'an essay',
    (body) => ({
      ...body,
      policy_uri: `https://x.example/${'x'.repeat(2_000)}`,
      tos_uri: `https://x.example/${'x'.repeat(2_000)}`,
    }),
    'invalid_client_metadata',
    /more than 4096 characters/,
  ],
]

/** What is changed in an authorization request that then gets a page and no redirect. */
const strayed: readonly (readonly [string, (redirect: string) => Record<string, string | undefined>])[] = [
  ['another host', () => ({ redirect_uri: 'https://evil.example/callback' })],
  ['a suffix', (redirect) => ({ redirect_uri: `${redirect}/x` })],
  ['a query', (redirect) => ({ redirect_uri: `${redirect}?next=https://evil.example` })],
  [
    'a host that begins alike',
    (redirect) => ({ redirect_uri: redirect.replace(/^(\w+:\/\/[^/:]+)/, '$1.evil.example') }),
  ],
  ['no redirect', () => ({ redirect_uri: undefined })],
  ['another client', () => ({ client_id: 'nobody' })],
]

/** What is changed in one that goes back to the app with an error. */
const refusedThere: readonly (readonly [string, Record<string, string | undefined>, string])[] = [
  ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
  ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['a token in place of a code', { response_type: 'token' }, 'unsupported_response_type'],
  ['an answer in the fragment', { response_mode: 'fragment' }, 'unsupported_response_mode'],
  ['a server that is not ours', { resource: 'https://mcp.evil.example/mcp' }, 'invalid_target'],
  ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }, 'request_not_supported'],
]

function expectRefusal({ status, json, headers }: Answer, error: string, why: RegExp = /\w{3}/): void {
  expect({ status, ...json }).toEqual({
    status: expect.toSatisfy((code: number) => code === 400 || code === 401),
    error,
    error_description: expect.stringMatching(why),
  })
  expect(headers.get('cache-control')).toBe('no-store')
}

describe.each(fixtures)('$name', (fixture) => {
  const { identity, redirectUri } = fixture
  let discovered: Discovered
  let client: Registered

  beforeAll(async () => {
    discovered = await discover(site, fixture)
    client = await identify(site, fixture, discovered)
  })

  if (identity.kind === 'registered') {
    verifies(['R1', 'R2', 'R3', 'R4', 'R6'], 'a registration with one thing wrong says what', async () => {
      const body = identity.body(discovered.grants) as Body
      for (const [what, change, error, why] of registrations) {
        const answer = await register(discovered.server, change(body))
        expect([what, answer.status, answer.json.error, answer.json.error_description]).toEqual([
          what,
          400,
          error,
          expect.stringMatching(why),
        ])
      }
    })
  }

  verifies(['A1', 'A3'], 'a redirect that was not registered gets a page that says so, and no redirect', async () => {
    for (const [what, change] of strayed) {
      const person = createPerson(site)
      const { status, text, leftTo } = await person.open(
        authorization(fixture, discovered, client, change(redirectUri)).url,
      )
      expect([what, status, leftTo]).toEqual([what, 400, undefined])
      expect(text).toMatch(/invalid_redirect_uri|invalid_client|invalid_request/)
    }
  })

  verifies(
    ['A4', 'A6', 'A7', 'A8', 'A9', 'A10'],
    'a faulty request goes back with the reason to whom we may send people, and is a page for other websites',
    async () => {
      for (const [what, change, error] of refusedThere) {
        const request = authorization(fixture, discovered, client, change)
        const { leftTo, text, status } = await createPerson(site).open(request.url)
        // RFC 9700 §4.11.2: anybody can register a website
        if (redirectUri.startsWith('https:') && identity.kind !== 'static') {
          expect([what, status, leftTo]).toEqual([what, 400, undefined])
          for (const fact of [new URL(redirectUri).host, error]) expect(text).toContain(fact)
          continue
        }
        // RFC 6749 §4.2.2.1: who asks for a token there is told there that it is not to be had
        const [address, answer] = leftTo?.href.split(request.url.includes('response_type=token') ? '#' : '?') ?? []
        expect([what, address], text).toEqual([what, redirectUri])
        const { iss, state, ...rest } = Object.fromEntries(new URLSearchParams(answer))
        expect([what, iss, state]).toEqual([what, site.issuer, request.state])
        // the code of this one says all there is to say
        const words = error === 'request_not_supported' ? {} : { error_description: expect.stringMatching(/\w{3}/) }
        expect([what, rest]).toEqual([what, { error, ...words }])
      }
    },
  )

  verifies(
    ['T12', 'T13', 'T15', 'T17', 'F4'],
    'a code and a refresh token are good for this client alone',
    async () => {
      const request = authorization(fixture, discovered, client)
      const code = readCode(site, fixture, request, await approve(site, request))
      const right = {
        grant_type: 'authorization_code',
        code,
        code_verifier: request.verifier,
        redirect_uri: redirectUri,
      }
      const thief = await identifyThief()
      expectRefusal(await token(fixture, discovered, thief, right), 'invalid_grant')
      expectRefusal(
        await token(fixture, discovered, client, { ...right, resource: 'https://mcp.evil.example/mcp' }),
        'invalid_target',
      )
      const good = await token(fixture, discovered, client, right)
      expect(good.status, good.text).toBe(200)
      const again = { grant_type: 'refresh_token', refresh_token: String(good.json.refresh_token) }
      expectRefusal(await token(fixture, discovered, thief, again), 'invalid_grant')
      expect((await token(fixture, discovered, client, again)).status).toBe(200)

      for (const wrong of [{ code_verifier: 'x'.repeat(43) }, { redirect_uri: 'https://evil.example/callback' }]) {
        const other = authorization(fixture, discovered, client)
        const fields = {
          ...right,
          code: readCode(site, fixture, other, await approve(site, other)),
          code_verifier: other.verifier,
        }
        expectRefusal(await token(fixture, discovered, client, { ...fields, ...wrong }), 'invalid_grant')
      }
      if (client.clientSecret)
        expectRefusal(
          await token(fixture, discovered, { ...client, clientSecret: 'a wrong secret of the client' }, again),
          'invalid_client',
        )
    },
  )

  async function identifyThief(): Promise<Registered> {
    const body = { client_name: 'Thief', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }
    return { clientId: String((await register(discovered.server, body)).json.client_id) }
  }
})
