import { verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic, robot, terminal, website, worker } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { errorOf, refused } from '../../harness/flows.ts'
import { clientCredentials } from './client-credentials.ts'
import { asApplicant } from './registration.ts'

const machine = { grant_type: 'client_credentials' }

verifies('T19', 'a client gets what the operator allows it, and a token in its own name', async () => {
  await using server = await startAuthServer()
  const { json } = await server.token(machine, basic(robot))
  expect(json).toEqual({
    access_token: expect.any(String),
    expires_in: 600,
    scope: 'mcp:tools:read',
    token_type: 'Bearer',
  })
  expect(decodeJwt(json.access_token ?? '')).toMatchObject({
    sub: 'robot',
    client_id: 'robot',
    aud: 'http://localhost:3000/mcp',
  })

  const post = { ...machine, client_id: worker.client_id, client_secret: worker.client_secret }
  expect((await server.token(post)).json.scope).toBe('mcp:tools:read mcp:tools:call')
  expect((await server.token({ ...post, scope: 'mcp:tools:notify' })).json.scope).toBe('mcp:tools:notify')
})

verifies('T19', 'a scope beyond the client, or one that belongs to a person, is an invalid_scope', async () => {
  await using server = await startAuthServer()
  for (const scope of [
    'mcp:tools:call',
    'mcp:tools:read mcp:tools:call',
    'offline_access',
    'openid',
    'mcp:tools:read offline_access',
    'unknown',
    '"',
  ]) {
    expect([scope, errorOf(await server.token({ ...machine, scope }, basic(robot)))]).toEqual([
      scope,
      refused(400, 'invalid_scope'),
    ])
  }
  for (const scope of ['offline_access', 'openid mcp:tools:read', 'unknown']) {
    expect([scope, errorOf(await server.token({ ...machine, scope }, basic(worker)))]).toEqual([
      scope,
      refused(400, 'invalid_scope'),
    ])
  }
})

verifies('T17', 'a resource that is unknown, relative or has a fragment is an invalid_target', async () => {
  await using server = await startAuthServer()
  for (const resource of [
    'http://localhost:3000/other',
    'https://evil.example',
    'http://localhost:3000/mcp#',
    'http://localhost:3000/mcp#x',
    '/mcp',
    'mcp',
  ]) {
    expect([resource, errorOf(await server.token({ ...machine, resource }, basic(robot)))]).toEqual([
      resource,
      refused(400, 'invalid_target'),
    ])
  }
})

verifies('T20', 'a public client cannot have a token of its own', async () => {
  await using server = await startAuthServer()
  for (const clientId of [terminal.client_id, 'nobody']) {
    const answer = await server.token({ ...machine, client_id: clientId })
    expect([clientId, answer.status, answer.json.error]).toEqual([
      clientId,
      expect.toBeOneOf([400, 401]),
      expect.toBeOneOf(['unauthorized_client', 'invalid_client']),
    ])
    expect(answer.json.access_token).toBeUndefined()
  }
  expect(errorOf(await server.token(machine, basic(website)))).toEqual(refused(400, 'unauthorized_client'))
})

verifies('T20', 'a client that registered itself cannot have one either, whatever it asked for', async () => {
  await using server = await startAuthServer()
  const wishes = [
    { grant_types: ['client_credentials', 'authorization_code'], response_types: ['code'] },
    {
      grant_types: ['client_credentials', 'authorization_code'],
      gatehouse_registration: 'static',
      gatehouse_scope: 'mcp:tools:read',
    },
    { grant_types: ['client_credentials', 'authorization_code'], scope: 'mcp:tools:read' },
  ]
  for (const wish of wishes) {
    const { status, json } = await server.register({ redirect_uris: ['https://app.example.com/callback'], ...wish })
    expect(status).toBe(201)
    expect(json.grant_types).toEqual(['authorization_code', 'refresh_token'])
    const answer = await server.token(
      machine,
      basic({ client_id: json.client_id ?? '', client_secret: json.client_secret ?? '' }),
    )
    expect(errorOf(answer)).toEqual(refused(400, 'unauthorized_client'))
  }
  const alone = await server.register({ grant_types: ['client_credentials'], response_types: [] })
  expect(errorOf(alone)).toEqual(refused(400, 'invalid_client_metadata'))
})

verifies('T20', 'even a record that says otherwise gives no such token, unless an operator wrote it', () => {
  const policy = { redirectSchemes: new Set<string>(), unverified: 'allow' } as const
  const client = (registration: string, method: string) => ({
    gatehouse_registration: registration,
    clientAuthMethod: method,
    grantTypes: ['client_credentials'],
  })
  for (const [registration, method, may] of [
    ['static', 'client_secret_basic', true],
    ['static', 'client_secret_post', true],
    ['static', 'none', false],
    ['dynamic', 'client_secret_basic', false],
    ['document', 'client_secret_basic', false],
    ['nonsense', 'client_secret_basic', false],
  ] as const) {
    expect([registration, method, clientCredentials.mayUse(asApplicant(client(registration, method)), policy)]).toEqual(
      [registration, method, may],
    )
  }
})

test('a secret with characters that a form must encode works in the body and in the header', async () => {
  await using server = await startAuthServer()
  expect((await server.token(machine, basic(worker))).status).toBe(200)
  const unencoded = { authorization: `Basic ${btoa(`${worker.client_id}:${worker.client_secret}`)}` }
  expect((await server.token(machine, unencoded)).status).toBe(401)
})

provesSecrecy()
