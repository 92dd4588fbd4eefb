// Introspection (RFC 7662) and revocation (RFC 7009): what a token is worth now, and the end of a grant.
import { verifies } from '@gatehouse/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../suites/auth-server.ts'
import { basic, robot, terminal, website } from '../suites/clients.ts'
import { errorOf, logInOnDevice, obtainCode, refresh, refused } from '../suites/flows.ts'

const RESOURCE = 'http://localhost:3000/mcp'
const resourceServer = {
  client_id: 'mcp-server',
  client_secret: 'secret-of-the-mcp-server-0123456789',
  grant_types: ['client_credentials'],
  resource_server: RESOURCE,
}
const otherServer = { ...resourceServer, client_id: 'other-server', resource_server: 'http://localhost:3999/mcp' }
const clients = [terminal, website, robot, resourceServer, otherServer]
const inactive = { active: false }

let server: AuthServer
const start = async () => startAuthServer({ clients })
const introspect = (token: string | undefined, as: { client_id: string; client_secret?: string } = resourceServer) =>
  server.post('/introspect', { token: token ?? '' }, basic(as))
const revoke = (token: string | undefined, fields: Readonly<Record<string, string>> = {}) =>
  server.post('/revoke', { client_id: terminal.client_id, token: token ?? '', ...fields })

describe('introspection', () => {
  beforeEach(async () => {
    server = await start()
    return () => server[Symbol.asyncDispose]()
  })

  test("the resource's own client learns what an access token says, until its grant is revoked", async () => {
    const tokens = await logInOnDevice(server)
    const { json } = await introspect(tokens.access_token)
    expect(json).toMatchObject({
      active: true,
      sub: 'dev:ada',
      client_id: 'terminal',
      aud: RESOURCE,
      scope: 'mcp:tools:read mcp:tools:call',
    })
    expect(json).not.toHaveProperty('grant_id')
    expect((await revoke(tokens.refresh_token)).status).toBe(200)
    expect((await introspect(tokens.access_token)).json).toEqual(inactive)
  })

  test('the confidential client that a token was issued to may ask, too', async () => {
    const login = await obtainCode(server, {
      changes: { client_id: website.client_id, redirect_uri: website.redirect_uris[0] },
    })
    const { json } = await login.redeem({}, basic(website))
    expect((await introspect(json.access_token, website)).json).toMatchObject({ active: true })
    expect((await introspect(json.access_token, robot)).json).toEqual(inactive)
  })

  verifies(
    'I1',
    'without a secret nobody learns anything, and a stranger only that there is nothing for them',
    async () => {
      const { access_token: token } = await logInOnDevice(server)
      expect(errorOf(await server.post('/introspect', { token: token ?? '' })).status).toBe(400)
      expect(errorOf(await server.post('/introspect', { token: token ?? '', client_id: terminal.client_id }))).toEqual(
        refused(401, 'invalid_client'),
      )
      expect((await introspect(token, { ...resourceServer, client_secret: 'wrong' })).status).toBe(401)
      expect((await introspect(token, otherServer)).json).toEqual(inactive)
    },
  )

  verifies('I2', 'refresh tokens, expired tokens and garbage are just not active', async () => {
    const tokens = await logInOnDevice(server)
    for (const token of [tokens.refresh_token, 'garbage', `${tokens.access_token}x`, 'a.b.c']) {
      expect((await introspect(token)).json, token).toEqual(inactive)
    }
    server.elapse(601)
    expect((await introspect(tokens.access_token)).json).toEqual(inactive)
  })
})

describe('revocation', () => {
  beforeEach(async () => {
    server = await start()
    return () => server[Symbol.asyncDispose]()
  })

  verifies('RV1', 'unknown tokens and garbage are taken as revoked', async () => {
    for (const token of ['garbage', 'x'.repeat(5_000)]) expect((await revoke(token)).status).toBe(200)
  })

  verifies('RV2', "another client's token stays good", async () => {
    const { refresh_token: token } = await logInOnDevice(server)
    expect(errorOf(await server.post('/revoke', { token: token ?? '' }, basic(website))).error).toBe('invalid_request')
    expect((await refresh(server, token)).status).toBe(200)
  })

  verifies('RV3', 'a confidential client has to prove who it is', async () => {
    expect(errorOf(await server.post('/revoke', { token: 'x', client_id: website.client_id })).status).toBe(401)
    expect(errorOf(await server.post('/revoke', { token: 'x' })).status).toBe(400)
  })

  verifies(
    'RV4',
    'a revoked refresh token takes the grant with it; an access token cannot be revoked by itself',
    async () => {
      const tokens = await logInOnDevice(server)
      expect(errorOf(await revoke(tokens.access_token)).error).toBe('unsupported_token_type')
      const { json: renewed } = await refresh(server, tokens.refresh_token)
      expect((await revoke(renewed.refresh_token)).status).toBe(200)
      expect(errorOf(await refresh(server, renewed.refresh_token)).error).toBe('invalid_grant')
      expect(errorOf(await refresh(server, tokens.refresh_token)).error, 'nor does the grace bring it back').toBe(
        'invalid_grant',
      )
    },
  )

  verifies('RV5', 'a wrong hint does not keep a token alive', async () => {
    const { refresh_token: token } = await logInOnDevice(server)
    expect((await revoke(token, { token_type_hint: 'access_token' })).status).toBe(200)
    expect(errorOf(await refresh(server, token)).error).toBe('invalid_grant')
  })
})
