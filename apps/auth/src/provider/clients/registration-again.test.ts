// Registering twice, being forgotten, and coming back.
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { authorizePath, createPkce, errorOf, loopback, obtainCode, refresh, refused } from '../../harness/flows.ts'
import { registeredClientId } from './registration.ts'

const app = {
  client_name: 'App',
  redirect_uris: [loopback],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
}

verifies('N8', 'the same metadata of a client without a secret is the same client, in whatever order', async () => {
  await using server = await startAuthServer()
  const { json: first } = await server.register(app)
  const reordered = Object.fromEntries(Object.entries(app).reverse())
  expect((await server.register(reordered)).json.client_id).toBe(first.client_id)
  expect((await server.register(app)).json).not.toHaveProperty('client_secret')
  for (const other of [
    { ...app, client_name: 'App ' },
    { ...app, redirect_uris: [`${loopback}/`] },
    { ...app, grant_types: ['authorization_code'] },
  ]) {
    expect((await server.register(other)).json.client_id).not.toBe(first.client_id)
  }
})

verifies('N8', 'ids cannot be worked out: they depend on a key of the server', () => {
  const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const [one, other] = keys.map((key) => registeredClientId(key, app))
  expect(one).toMatch(/^[\w-]{32}$/)
  expect(other).not.toBe(one)
})

verifies('N8', 'a client with a secret is always new, and its secret its own', async () => {
  await using server = await startAuthServer()
  for (const method of ['client_secret_basic', 'client_secret_post', undefined]) {
    const metadata = { ...app, token_endpoint_auth_method: method }
    const [one, two] = [(await server.register(metadata)).json, (await server.register(metadata)).json]
    expect(one.client_id).not.toBe(two.client_id)
    expect(one.client_secret).not.toBe(two.client_secret)
    // nor does a public registration of the same words reach either
    expect([one.client_id, two.client_id]).not.toContain((await server.register(app)).json.client_id)
  }
})

test('registering again leaves what was signed in alone', async () => {
  await using server = await startAuthServer()
  const { client_id: id = '' } = (await server.register(app)).json
  const { redeem } = await obtainCode(server, { changes: { client_id: id } })
  const { json } = await redeem()
  await server.register(app)
  expect((await refresh(server, json.refresh_token, { client_id: id })).status).toBe(200)
})

test('a forgotten client is an invalid_client with 401, and after registering again it works', async () => {
  await using server = await startAuthServer()
  const { client_id: id = '' } = (await server.register(app)).json
  const signIn = async (clientId: string) => {
    const { redeem } = await obtainCode(server, { changes: { client_id: clientId } })
    return (await redeem()).json
  }
  const { refresh_token: token } = await signIn(id)
  server.elapse(91 * 86_400)
  const fields = { client_id: id }
  expect(errorOf(await refresh(server, token, fields))).toEqual(refused(401, 'invalid_client'))
  const code = { grant_type: 'authorization_code', code: 'x', code_verifier: 'x'.repeat(43), redirect_uri: loopback }
  expect(errorOf(await server.token({ ...code, ...fields }))).toEqual(refused(401, 'invalid_client'))
  const page = await server.openBrowser().open(authorizePath(createPkce().challenge, fields))
  expect([page.status, page.leftTo, page.text]).toEqual([400, undefined, expect.stringContaining('connect again')])

  const { json } = await server.register(app)
  expect(json.client_id).toBe(id)
  expect((await signIn(id)).refresh_token).toBeDefined()
})

test('a forgotten client with a secret is told the same', async () => {
  await using server = await startAuthServer()
  const { json } = await server.register({ ...app, token_endpoint_auth_method: 'client_secret_post' })
  server.elapse(86_401)
  const { client_id = '', client_secret = '' } = json
  const grant = { grant_type: 'refresh_token', refresh_token: 'x' }
  expect(errorOf(await server.token({ ...grant, client_id, client_secret }))).toEqual(refused(401, 'invalid_client'))
  expect(errorOf(await server.token(grant, basic({ client_id, client_secret })))).toEqual(
    refused(401, 'invalid_client'),
  )
})

provesSecrecy()
