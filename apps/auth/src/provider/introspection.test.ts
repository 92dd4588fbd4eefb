// Introspection (RFC 7662) and revocation (RFC 7009): what a token is worth now, and the end of a grant.
import { rmSync } from 'node:fs'
import { freePort, verifies } from '@gatehouse/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type AuthServer, createDataDir, startAuthServer } from '../harness/auth-server.ts'
import { basic, deviceGrant, otherTerminal, robot, terminal, website } from '../harness/clients.ts'
import { errorOf, logInOnDevice, loopback, obtainCode, refresh, refused } from '../harness/flows.ts'

const resource = 'http://localhost:3000/mcp'
const resourceServer = {
  client_id: 'mcp-server',
  client_secret: 'secret-of-the-mcp-server-0123456789',
  grant_types: ['client_credentials'],
  resource_server: resource,
}
const otherServer = { ...resourceServer, client_id: 'other-server', resource_server: 'http://localhost:3999/mcp' }
const clients = [terminal, otherTerminal, website, robot, resourceServer, otherServer]
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
      aud: resource,
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
      expect(errorOf(await server.post('/introspect', { token: token ?? '' }))).toEqual(refused(400, 'invalid_request'))
      expect(errorOf(await server.post('/introspect', { token: token ?? '', client_id: terminal.client_id }))).toEqual(
        refused(401, 'invalid_client'),
      )
      expect((await introspect(token, { ...resourceServer, client_secret: 'wrong' })).status).toBe(401)
      expect((await introspect(token, otherServer)).json).toEqual(inactive)
    },
  )

  verifies('T10', 'a code that is used again ends the access tokens that it gave, for those who ask', async () => {
    const { redeem } = await obtainCode(server)
    const { json } = await redeem()
    const { json: renewed } = await refresh(server, json.refresh_token)
    expect((await introspect(renewed.access_token)).json).toMatchObject({ active: true })
    server.elapse(3)
    expect(errorOf(await redeem())).toEqual(refused(400, 'invalid_grant'))
    for (const token of [json.access_token, renewed.access_token])
      expect((await introspect(token)).json).toEqual(inactive)
  })

  verifies('I2', 'refresh tokens, expired tokens and garbage are just not active', async () => {
    const tokens = await logInOnDevice(server)
    for (const token of [tokens.refresh_token, 'garbage', `${tokens.access_token}x`, 'a.b.c']) {
      expect((await introspect(token)).json, token).toEqual(inactive)
    }
    server.elapse(601)
    expect((await introspect(tokens.access_token)).json).toEqual(inactive)
  })
})

test('of clients that the operator does not want any more no token is active, and its own are as before', async () => {
  const dataDir = createDataDir()
  const port = await freePort()
  const closed = { AUTH_UNVERIFIED_POLICY: 'refuse' }
  try {
    let own: string | undefined
    let theirs: string | undefined
    {
      await using open = await startAuthServer({ clients, dataDir, port })
      const { json: client } = await open.register({
        redirect_uris: [loopback],
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token', deviceGrant],
      })
      own = (await logInOnDevice(open)).access_token
      theirs = (await logInOnDevice(open, { client_id: client.client_id ?? '' })).access_token
      const ask = (token = '') => open.post('/introspect', { token }, basic(resourceServer))
      expect((await ask(own)).json).toMatchObject({ active: true })
      expect((await ask(theirs)).json).toMatchObject({ active: true, client_id: client.client_id })
    }
    await using server = await startAuthServer({ clients, dataDir, port, environment: closed })
    const ask = (token = '') => server.post('/introspect', { token }, basic(resourceServer))
    expect((await ask(own)).json).toMatchObject({ active: true })
    expect((await ask(theirs)).json).toEqual(inactive)
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})

verifies('I2', 'a token outlives neither its grant nor its account', async () => {
  const lifetimes = { AUTH_LIFETIMES: '{"grant":300}' }
  const dataDir = createDataDir()
  const port = await freePort()
  try {
    let token = ''
    {
      await using open = await startAuthServer({ clients, dataDir, port, environment: lifetimes })
      const ask = () => open.post('/introspect', { token }, basic(resourceServer))
      token = (await logInOnDevice(open)).access_token ?? ''
      open.elapse(299)
      expect((await ask()).json).toMatchObject({ active: true })
      open.elapse(2)
      expect((await ask()).json).toEqual(inactive)
      token = (await logInOnDevice(open)).access_token ?? ''
      expect((await ask()).json).toMatchObject({ active: true })
    }
    const environment = { AUTH_DEV_LOGIN: 'false' }
    await using closed = await startAuthServer({ clients, dataDir, port, environment })
    expect((await closed.post('/introspect', { token }, basic(resourceServer))).json).toEqual(inactive)
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})

describe('revocation', () => {
  beforeEach(async () => {
    server = await start()
    return () => server[Symbol.asyncDispose]()
  })

  verifies('RV1', 'unknown tokens and garbage are taken as revoked', async () => {
    for (const token of ['garbage', 'x'.repeat(5_000)]) {
      for (const { status, text } of [await revoke(token), await server.post('/revoke', { token }, basic(website))])
        expect([status, text]).toEqual([200, ''])
    }
  })

  verifies('RV2', "another client's token stays good", async () => {
    const { refresh_token: token } = await logInOnDevice(server)
    const confidential = await server.post('/revoke', { token: token ?? '' }, basic(website))
    expect(errorOf(confidential)).toEqual(refused(400, 'invalid_request'))
    const { status, text } = await revoke(token, { client_id: otherTerminal.client_id })
    expect([status, text]).toEqual([200, ''])
    expect((await refresh(server, token)).status).toBe(200)
  })

  verifies('RV3', 'a confidential client has to prove who it is', async () => {
    const named = { token: 'x', client_id: website.client_id }
    for (const fields of [named, { ...named, client_secret: 'not-the-secret-of-the-website-1' }])
      expect(errorOf(await server.post('/revoke', fields))).toEqual(refused(401, 'invalid_client'))
    expect(errorOf(await server.post('/revoke', { token: 'x' }))).toEqual(refused(400, 'invalid_request'))
  })

  verifies('RV4', 'a revoked refresh token takes the grant with it', async () => {
    const tokens = await logInOnDevice(server)
    const { json: renewed } = await refresh(server, tokens.refresh_token)
    expect((await revoke(renewed.refresh_token)).status).toBe(200)
    expect(errorOf(await refresh(server, renewed.refresh_token)).error).toBe('invalid_grant')
    expect(errorOf(await refresh(server, tokens.refresh_token)).error, 'nor does the grace bring it back').toBe(
      'invalid_grant',
    )
  })

  verifies('RV4', 'so does a revoked access token, whatever the hint says, and no other sign-in ends', async () => {
    for (const hint of [{}, { token_type_hint: 'access_token' }, { token_type_hint: 'refresh_token' }]) {
      const [tokens, other] = [await logInOnDevice(server), await logInOnDevice(server)]
      const { status, text } = await revoke(tokens.access_token, hint)
      expect([status, text]).toEqual([200, ''])
      expect((await introspect(tokens.access_token)).json).toEqual(inactive)
      expect(errorOf(await refresh(server, tokens.refresh_token))).toEqual(refused(400, 'invalid_grant'))
      expect((await revoke(tokens.access_token, hint)).status, 'a second time').toBe(200)
      expect((await refresh(server, other.refresh_token)).status).toBe(200)
    }
  })

  verifies('RV2', "another client's access token stays good, too", async () => {
    const tokens = await logInOnDevice(server)
    const { status, text } = await revoke(tokens.access_token, { client_id: otherTerminal.client_id })
    expect([status, text]).toEqual([200, ''])
    const confidential = await server.post('/revoke', { token: tokens.access_token ?? '' }, basic(resourceServer))
    expect(errorOf(confidential)).toEqual(refused(400, 'invalid_request'))
    expect((await introspect(tokens.access_token)).json).toMatchObject({ active: true })
    expect((await refresh(server, tokens.refresh_token)).status).toBe(200)
  })

  verifies('RV1', 'an access token that expired, was changed or is of somebody else is taken as revoked', async () => {
    const tokens = await logInOnDevice(server)
    const [head, body] = (tokens.access_token ?? '').split('.')
    for (const token of [`${head}.${body}.x`, `${tokens.access_token}x`, 'eyJhbGciOiJub25lIn0.e30.'])
      expect([token, (await revoke(token)).status]).toEqual([token, 200])
    server.elapse(601)
    expect((await revoke(tokens.access_token)).status).toBe(200)
    expect((await refresh(server, tokens.refresh_token)).status, 'what is over ends nothing').toBe(200)
  })

  test("a client's own token has no grant that could end, and says so", async () => {
    const { json } = await server.token({ grant_type: 'client_credentials' }, basic(robot))
    const answer = await server.post('/revoke', { token: json.access_token ?? '' }, basic(robot))
    expect(errorOf(answer)).toEqual(refused(400, 'unsupported_token_type'))
    expect((await introspect(json.access_token, robot)).json).toMatchObject({ active: true })
  })

  verifies('RV5', 'a wrong hint does not keep a token alive', async () => {
    const { refresh_token: token } = await logInOnDevice(server)
    expect((await revoke(token, { token_type_hint: 'access_token' })).status).toBe(200)
    expect(errorOf(await refresh(server, token)).error).toBe('invalid_grant')
  })
})
