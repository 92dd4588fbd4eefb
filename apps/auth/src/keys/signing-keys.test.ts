import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import type { DocumentStore } from '../store/contract.ts'
import { createSealing } from '../store/sealing.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { startAuthServer } from '../suites/auth-server.ts'
import { basic, robot } from '../suites/clients.ts'
import { loadOrCreateSecret } from './secret.ts'
import { createSigningKey, reconcileSigningKeys, sameKeys } from './signing-keys.ts'

const NOW = Date.UTC(2026, 11, 1)
const open = () =>
  openSqliteStore({
    path: ':memory:',
    clock: Date.now,
    sealing: createSealing({ secret: 'a secret of these tests alone' }),
  })
const kids = (keys: readonly { readonly kid: string }[]) => keys.map(({ kid }) => kid)

test('the first start makes one ES256 key, and later ones use it', async () => {
  await using store = open()
  const first = await reconcileSigningKeys(store.documents, [], NOW)
  expect(first).toEqual([
    {
      kty: 'EC',
      crv: 'P-256',
      x: expect.any(String),
      y: expect.any(String),
      d: expect.any(String),
      kid: expect.any(String),
      use: 'sig',
      alg: 'ES256',
      iat: NOW / 1000,
    },
  ])
  expect(await reconcileSigningKeys(store.documents, [], NOW + 1)).toEqual(first)
  expect(await reconcileSigningKeys(store.documents, first, NOW + 1)).toEqual(first)
})

test('of replicas that start at the same time all use the same key', async () => {
  await using store = open()
  const all = await Promise.all(Array.from({ length: 8 }, () => reconcileSigningKeys(store.documents, [], NOW)))
  expect(new Set(all.flatMap(kids)).size).toBe(1)
})

test('a store that lost its data gets the held keys back, and one that has another joins them', async () => {
  await using store = open()
  const held = await reconcileSigningKeys(store.documents, [], NOW)
  await using empty = open()
  expect(await reconcileSigningKeys(empty.documents, held, NOW + 1_000)).toEqual(held)
  expect(await reconcileSigningKeys(empty.documents, [], NOW + 1_000)).toEqual(held)

  await using other = open()
  const [newer] = await reconcileSigningKeys(other.documents, [], NOW + 60_000)
  const joined = await reconcileSigningKeys(other.documents, held, NOW + 61_000)
  expect(kids(joined)).toEqual([...kids(held), newer?.kid])
  expect(await reconcileSigningKeys(other.documents, [], NOW)).toEqual(joined)
})

test('the order is by age, whatever the store has it in, and decides whether two sets are the same', async () => {
  const [older, newer] = [await createSigningKey(NOW), await createSigningKey(NOW + 5_000)]
  let stored: unknown = { keys: [newer, older] }
  const documents: DocumentStore = {
    get: async () => stored,
    put: async (_name, value) => {
      stored = value
    },
    putIfAbsent: async () => stored,
  }
  const keys = await reconcileSigningKeys(documents, [], NOW)
  expect(kids(keys)).toEqual([older.kid, newer.kid])
  expect(sameKeys(keys, [older, newer])).toBe(true)
  expect(sameKeys(keys, [newer, older])).toBe(false)
  expect(sameKeys(keys, [older])).toBe(false)
})

test('of two published keys the older one signs: every resource server has seen it', async () => {
  const [older, newer] = [await createSigningKey(NOW), await createSigningKey(NOW + 5_000)]
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      documents: {
        ...store.documents,
        get: async (name) => (name === 'signing-keys' ? { keys: [newer, older] } : store.documents.get(name)),
      },
    }),
  })
  const { json } = await server.token({ grant_type: 'client_credentials' }, basic(robot))
  expect(decodeProtectedHeader(json.access_token ?? '').kid).toBe(older.kid)
  const { keys } = (await server.get('/jwks')).json as unknown as { keys: { kid: string; d?: string }[] }
  expect(kids(keys).sort()).toEqual([older.kid, newer.kid].sort())
  expect(keys.some(({ d }) => d !== undefined)).toBe(false)
})

test('where the operator gave no secret one is made, once, for the owner alone', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-secret-'))
  const dataDir = join(directory, 'data')
  const secret = loadOrCreateSecret(dataDir)
  expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  expect(loadOrCreateSecret(dataDir)).toBe(secret)
  expect(statSync(join(dataDir, 'auth.secret')).mode & 0o777).toBe(0o600)
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  rmSync(directory, { recursive: true })
})
