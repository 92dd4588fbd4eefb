import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadOrCreateSecret } from '@gatehouse/service'
import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { type AuthServer, createDataDir, startAuthServer } from '../harness/auth-server.ts'
import { basic, robot } from '../harness/clients.ts'
import { createSigningKey, sameKeys } from './signing-keys.ts'

const months = 100 * 86_400

const published = async (server: AuthServer, algorithm = 'ES256') =>
  ((await server.get('/jwks')).json as unknown as { keys: { kid: string; alg: string; d?: string }[] }).keys.filter(
    ({ alg }) => alg === algorithm,
  )
const machineToken = async (server: AuthServer) =>
  (await server.token({ grant_type: 'client_credentials' }, basic(robot))).json.access_token ?? ''
const kidOf = (token: string) => decodeProtectedHeader(token).kid

test('two key sets are the same if they have the same keys in the same order', async () => {
  const [one, other] = [await createSigningKey('ES256', 0), await createSigningKey('ES256', 1)]
  expect(sameKeys([one, other], [{ ...one }, { ...other }])).toBe(true)
  expect(sameKeys([one, other], [other, one])).toBe(false)
  expect(sameKeys([one, other], [one])).toBe(false)
})

test('a token is signed by the key whose turn it is, which was published before, and without its private part', async () => {
  const dataDir = createDataDir()
  let server = await startAuthServer({ dataDir })
  const [first, next] = await published(server)
  expect(kidOf(await machineToken(server))).toBe(first?.kid)
  server.elapse(months)
  await server[Symbol.asyncDispose]()

  server = await startAuthServer({ dataDir })
  expect(kidOf(await machineToken(server))).toBe(next?.kid)
  const keys = await published(server)
  expect(keys).toHaveLength(2)
  expect(keys.map(({ kid }) => kid)).not.toContain(first?.kid)
  expect(await published(server, 'RS256')).toHaveLength(2)
  expect((await server.get('/jwks')).text).not.toMatch(/"(d|p|q|dp|dq|qi)"|signs_from|removed/)
  await server[Symbol.asyncDispose]()
  rmSync(dataDir, { recursive: true, force: true })
})

test('how long the key set may be kept is what the lifetimes say', async () => {
  await using server = await startAuthServer({ environment: { AUTH_LIFETIMES: '{"keySet":60}' } })
  expect((await server.get('/jwks')).headers['cache-control']).toBe('public, max-age=60')
})

test('where the operator gave no secret one is made, once, for the owner alone', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-secret-'))
  const dataDir = join(directory, 'data')
  const secret = loadOrCreateSecret(dataDir, 'auth.secret')
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  expect(loadOrCreateSecret(dataDir, 'auth.secret')).toBe(secret)
  expect(statSync(join(dataDir, 'auth.secret')).mode & 0o777).toBe(0o600)
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  rmSync(directory, { recursive: true })
})
