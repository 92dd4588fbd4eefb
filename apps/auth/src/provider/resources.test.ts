import { verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { basic, robot, worker } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { errorOf, logInOnDevice, obtainCode, refresh, refused } from '../harness/flows.ts'

const mcp = 'http://localhost:3000/mcp'
const machine = { grant_type: 'client_credentials' }
const two = JSON.stringify([
  { resource: mcp, name: 'First' },
  { resource: 'http://localhost:3000/other', name: 'Second', scopes: ['other:use'] },
])

verifies('T18', 'other spellings of the resource mean the same one, on every leg', async () => {
  await using server = await startAuthServer()
  for (const spelling of [
    mcp,
    `${mcp}/`,
    'http://LOCALHOST:3000/mcp',
    'HTTP://localhost:3000/mcp/',
    'http://localhost:3000',
    'http://localhost:3000/',
  ]) {
    const { json: own } = await server.token({ ...machine, resource: spelling }, basic(robot))
    expect([spelling, decodeJwt(own.access_token ?? '').aud]).toEqual([spelling, mcp])

    const { redeem } = await obtainCode(server, { changes: { resource: spelling } })
    const { json } = await redeem({ resource: mcp })
    const { json: refreshed } = await refresh(server, json.refresh_token, { resource: `${mcp}/` })
    expect([spelling, decodeJwt(refreshed.access_token ?? '').aud]).toEqual([spelling, mcp])
  }
})

test('where two resources share an origin, the bare origin means neither', async () => {
  await using server = await startAuthServer({ environment: { AUTH_RESOURCES: two } })
  expect(errorOf(await server.token({ ...machine, resource: 'http://localhost:3000' }, basic(robot)))).toEqual(
    refused(400, 'invalid_target'),
  )
  const { json } = await server.token({
    ...machine,
    resource: 'http://localhost:3000/other/',
    client_id: worker.client_id,
    client_secret: worker.client_secret,
  })
  expect(json.scope).toBe('other:use')
  expect(decodeJwt(json.access_token ?? '').aud).toBe('http://localhost:3000/other')
})

test('without a resource the first one is meant', async () => {
  await using server = await startAuthServer({ environment: { AUTH_RESOURCES: two } })
  const json = await logInOnDevice(server)
  expect(decodeJwt(json.access_token ?? '').aud).toBe(mcp)
})

test('anyone who names an unknown resource is told the known ones', async () => {
  await using server = await startAuthServer({ environment: { AUTH_RESOURCES: two } })
  const { json } = await server.token({ ...machine, resource: 'http://localhost:3000/mpc' }, basic(robot))
  expect(json.error_description).toBe(`unknown resource; known: ${mcp}, http://localhost:3000/other`)
})

test('an address that names a resource twice, each time the same, names it once; other ones are refused', async () => {
  await using server = await startAuthServer({ environment: { AUTH_RESOURCES: two } })
  const redirect = 'http://127.0.0.1/callback'
  const { json } = await server.register({
    client_name: 'Twice',
    redirect_uris: [redirect],
    token_endpoint_auth_method: 'none',
  })
  const open = async (resources: readonly string[]) => {
    const query = new URLSearchParams({
      client_id: String(json.client_id),
      response_type: 'code',
      redirect_uri: redirect,
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
      state: 'x',
    })
    for (const resource of resources) query.append('resource', resource)
    return (await server.get(`/authorize?${query}`)).headers.location ?? ''
  }
  expect(await open([mcp, `${mcp}/`])).toContain('/interaction/')
  expect(await open([mcp, 'http://localhost:3000/other'])).not.toContain('/interaction/')
})

test('two resources in one request are an invalid_request', async () => {
  await using server = await startAuthServer({ environment: { AUTH_RESOURCES: two } })
  const pair: [string, string][] = [
    ['resource', mcp],
    ['resource', 'http://localhost:3000/other'],
  ]
  const fields: [string, string][] = [
    ['client_id', worker.client_id],
    ['client_secret', worker.client_secret],
    ['grant_type', 'client_credentials'],
  ]
  expect(errorOf(await server.token([...fields, ...pair]))).toEqual(refused(400, 'invalid_request'))
  expect(errorOf(await server.post('/device_authorization', [['client_id', 'terminal'], ...pair]))).toEqual(
    refused(400, 'invalid_request'),
  )
})

test('a token for one resource has no scope of another', async () => {
  await using server = await startAuthServer({ environment: { AUTH_RESOURCES: two } })
  const json = await logInOnDevice(server, {
    resource: 'http://localhost:3000/other',
    scope: 'other:use mcp:tools:read',
  })
  expect(json.scope).toBe('other:use')
})

test('a machine that names a scope of another resource goes without it; one that is nowhere is refused', async () => {
  await using server = await startAuthServer({ environment: { AUTH_RESOURCES: two } })
  const ask = (scope: string) => server.token({ ...machine, resource: mcp, scope }, basic(worker))
  expect((await ask('mcp:tools:read other:use')).json.scope).toBe('mcp:tools:read')
  expect(errorOf(await ask('mcp:tools:read nowhere:use'))).toEqual(refused(400, 'invalid_scope'))
})

test('anyone who asks for no scope, or for names that mean nothing here, gets the usual ones', async () => {
  await using server = await startAuthServer()
  for (const scope of [undefined, 'claudeai', 'claudeai unknown:scope']) {
    const fields: Readonly<Record<string, string>> = scope ? { scope } : {}
    const json = await logInOnDevice(server, fields)
    expect([scope, json.scope]).toEqual([scope, 'mcp:tools:read mcp:tools:call'])
    const { redeem } = await obtainCode(server, { changes: fields })
    expect([scope, (await redeem()).json.scope]).toEqual([scope, 'mcp:tools:read mcp:tools:call'])
  }
  expect((await logInOnDevice(server, { scope: 'claudeai mcp:tools:notify' })).scope).toBe('mcp:tools:notify')
})

test('a scope that is no scope token is an invalid_scope', async () => {
  await using server = await startAuthServer()
  for (const scope of ['"', 'a\\b', 'a\tb', 'é']) {
    const answer = await server.post('/device_authorization', { client_id: 'terminal', scope })
    expect([scope, errorOf(answer)]).toEqual([scope, refused(400, 'invalid_scope')])
  }
})

test('offline_access is not needed for a refresh token, and granted if asked for', async () => {
  await using server = await startAuthServer()
  for (const scope of ['mcp:tools:read', 'mcp:tools:read offline_access']) {
    const json = await logInOnDevice(server, { scope })
    expect([json.scope, typeof json.refresh_token]).toEqual([scope, 'string'])
    const { redeem } = await obtainCode(server, { changes: { scope } })
    const { json: byCode } = await redeem()
    expect([byCode.scope, typeof byCode.refresh_token]).toEqual([scope, 'string'])
    expect(JSON.parse(Buffer.from(String(byCode.access_token).split('.')[1] ?? '', 'base64url').toString()).scope).toBe(
      'mcp:tools:read',
    )
  }
})

test('a refresh gives what was granted, less if asked, and never more', async () => {
  await using server = await startAuthServer()
  const json = await logInOnDevice(server)
  const narrow = await refresh(server, json.refresh_token, { scope: 'mcp:tools:read' })
  expect(narrow.json.scope).toBe('mcp:tools:read')
  const whole = await refresh(server, narrow.json.refresh_token)
  expect(whole.json.scope).toBe('mcp:tools:read mcp:tools:call')
  expect(errorOf(await refresh(server, whole.json.refresh_token, { scope: 'mcp:tools:notify' }))).toEqual(
    refused(400, 'invalid_scope'),
  )
  expect((await refresh(server, whole.json.refresh_token)).status).toBe(200)
})

provesSecrecy()
