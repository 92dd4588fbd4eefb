// Client assertions (RFC 7523) are not offered: docs/divergences.md says why. Here: nothing advertises them, no client can
// be registered for them, and none authenticates anybody, so that there is nothing to replay.
import { verifies } from '@gatehouse/testing'
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { expect } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { basic, robot, website } from '../../harness/clients.ts'
import { evidence, provesSecrecy } from '../../harness/evidence.ts'
import { errorOf, logInOnDevice, refresh, refused } from '../../harness/flows.ts'

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const machine = { grant_type: 'client_credentials' }

/** What a client would send that has a key of its own, right in every way and wrong in each. */
async function assertions(issuer: string): Promise<Readonly<Record<string, string>>> {
  const { privateKey } = await generateKeyPair('ES256')
  const secret = new TextEncoder().encode(robot.client_secret)
  const make = (changes: { aud?: string; sub?: string; life?: number } = {}) =>
    new SignJWT({ jti: 'the same every time' })
      .setIssuer(robot.client_id)
      .setSubject(changes.sub ?? robot.client_id)
      .setAudience(changes.aud ?? issuer)
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + (changes.life ?? 60))
  const signed = (changes = {}) => make(changes).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  const all = {
    right: await signed(),
    'for the token endpoint': await signed({ aud: `${issuer}/token` }),
    'for somebody else': await signed({ aud: 'https://elsewhere.example' }),
    expired: await signed({ life: -60 }),
    'for an hour': await signed({ life: 3_600 }),
    'of another client': await signed({ sub: website.client_id }),
    'signed with the client secret': await make().setProtectedHeader({ alg: 'HS256' }).sign(secret),
    'not signed': new UnsecuredJWT({ jti: 'x' })
      .setIssuer(robot.client_id)
      .setSubject(robot.client_id)
      .setAudience(issuer)
      .setExpirationTime('1 minute')
      .encode(),
    garbage: 'a.b.c',
  }
  for (const assertion of Object.values(all)) evidence.plant('client_assertion', assertion)
  return all
}

verifies('T21', 'an assertion proves nothing, no matter who signed it, the first time or again', async () => {
  await using server = await startAuthServer()
  for (const [what, assertion] of Object.entries(await assertions(server.issuer))) {
    const proof = { client_assertion_type: assertionType, client_assertion: assertion }
    const named = { ...proof, client_id: robot.client_id }
    const ask = () => [
      server.token({ ...machine, ...named }),
      server.post('/revoke', { ...named, token: 'x' }),
      server.post('/introspect', { ...named, token: 'x' }),
      server.post('/device_authorization', named),
    ]
    for (const answer of await Promise.all([...ask(), ...ask()]))
      expect([what, errorOf(answer)]).toEqual([what, refused(401, 'invalid_client')])
    // without a client_id it does not even say who asks
    const unnamed = await server.token({ ...machine, ...proof })
    expect([what, errorOf(unnamed)]).toEqual([what, refused(400, 'invalid_request')])
  }
})

verifies('T21', 'beside what counts, an assertion is neither needed nor in the way', async () => {
  await using server = await startAuthServer()
  const proof = { client_assertion_type: assertionType, client_assertion: 'a.b.c' }
  expect((await server.token({ ...machine, ...proof }, basic(robot))).status).toBe(200)
  const wrong = basic({ ...robot, client_secret: 'not-the-secret-of-the-robot-12345' })
  for (const assertion of Object.values(await assertions(server.issuer)))
    expect((await server.token({ ...machine, ...proof, client_assertion: assertion }, wrong)).status).toBe(401)
  const { refresh_token: token } = await logInOnDevice(server)
  expect((await refresh(server, token, proof)).status).toBe(200)
})

verifies('T21', 'nothing advertises client assertions, and no client is registered for them', async () => {
  await using server = await startAuthServer()
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    const { json } = await server.get(path)
    for (const endpoint of ['token', 'revocation', 'introspection']) {
      expect(json[`${endpoint}_endpoint_auth_methods_supported`], endpoint).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/_jwt$/)]),
      )
      expect(json).not.toHaveProperty(`${endpoint}_endpoint_auth_signing_alg_values_supported`)
    }
    expect(json.token_endpoint_auth_methods_supported).toContain('none')
  }
  for (const method of ['private_key_jwt', 'client_secret_jwt']) {
    const metadata = { redirect_uris: ['https://app.example.com/callback'], token_endpoint_auth_method: method }
    for (const keys of [{}, { jwks_uri: 'https://app.example.com/jwks' }, { jwks: { keys: [] } }])
      expect(errorOf(await server.register({ ...metadata, ...keys }))).toEqual(refused(400, 'invalid_client_metadata'))
    // nor may the operator's file have one: the server does not start
    const clients = [{ client_id: 'by-key', client_secret: 'long-enough-for-a-secret', ...metadata }]
    await expect(startAuthServer({ clients })).rejects.toThrow('token_endpoint_auth_method')
  }
})

provesSecrecy()
