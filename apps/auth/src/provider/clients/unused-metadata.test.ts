// Members of a client's metadata that RFC 7591 lets a server ignore: they neither keep a client out nor break its sign-ins.
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { deviceGrant } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce, errorOf, loopback, obtainCode, refused } from '../../harness/flows.ts'

const register = async (server: AuthServer, wish: Readonly<Record<string, unknown>>) => {
  const answer = await server.register({ redirect_uris: [loopback], token_endpoint_auth_method: 'none', ...wish })
  expect([wish, answer.status, answer.json.error]).toEqual([wish, 201, undefined])
  return answer.json as Readonly<Record<string, unknown>> & { readonly client_id: string }
}

test('what a client says of keys, subjects and logins that are not used here is left out', async () => {
  await using server = await startAuthServer()
  const secretKey = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', d: 'AA' }
  const wishes: readonly (readonly [string, unknown])[] = [
    ...[{}, 'x', { keys: [] }, { keys: [{}] }, { keys: [secretKey] }].map((jwks) => ['jwks', jwks] as const),
    ...['http://app.example.com/login', 'x', 7].map((uri) => ['initiate_login_uri', uri] as const),
    ['software_statement', 'eyJhbGciOiJub25lIn0.e30.'],
    ['require_auth_time', 'true'],
    ['default_acr_values', 'x'],
  ]
  for (const [member, value] of wishes)
    expect((await register(server, { [member]: value }))[member] || undefined, member).toBeUndefined()
  const both = { jwks: { keys: [] }, jwks_uri: 'https://app.example.com/jwks' }
  expect((await register(server, both)).jwks).toBeUndefined()
  for (const subject_type of ['pairwise', 'x', 7])
    expect((await register(server, { subject_type })).subject_type, 'the answer tells').toBe('public')
  const device = { grant_types: [deviceGrant], redirect_uris: undefined }
  for (const application_type of ['browser', 7]) await register(server, { ...device, application_type })
})

test('a client with default_max_age signs people in without openid, and again once that is over', async () => {
  await using server = await startAuthServer()
  const client = await register(server, { default_max_age: 600 })
  expect(client.default_max_age).toBe(600)
  expect(Object.keys(client).filter((name) => name.includes('gatehouse'))).toEqual([])
  const changes = { client_id: client.client_id }
  for (const scope of ['mcp:tools:read', 'openid mcp:tools:read']) {
    const browser = server.openBrowser()
    const { redeem } = await obtainCode(server, { browser, changes: { ...changes, scope } })
    expect((await redeem()).status).toBe(200)
    const open = async (more = {}) =>
      browser.open(authorizePath(createPkce().challenge, { ...changes, scope, ...more }))
    expect((await open()).heading, scope).not.toBe('Sign in')
    server.elapse(601)
    expect((await open()).heading, scope).toBe('Sign in')
    const other = { client_id: (await register(server, {})).client_id }
    expect((await open(other)).heading, 'it is the wish of that client alone').not.toBe('Sign in')
  }
  await askAsDevice(server, {
    client_id: (await register(server, { grant_types: [deviceGrant], default_max_age: 0 })).client_id,
  })
})

test('default_max_age of 0 asks for the sign-in each time; what is no number of seconds is refused', async () => {
  await using server = await startAuthServer()
  const { client_id } = await register(server, { default_max_age: 0 })
  const browser = server.openBrowser()
  await obtainCode(server, { browser })
  const { heading } = await browser.open(authorizePath(createPkce().challenge, { client_id }))
  expect(heading).toBe('Sign in')
  await browser.logIn('ada')
  expect((await browser.approve()).leftTo?.searchParams.get('code')).toBeTruthy()
  for (const default_max_age of ['600', -1, 1.5, {}])
    expect(errorOf(await server.register({ redirect_uris: [loopback], default_max_age }))).toEqual(
      refused(400, 'invalid_client_metadata'),
    )
})

provesSecrecy()
