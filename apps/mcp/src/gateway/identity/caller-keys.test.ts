import { openRedisReplicas } from '@gatehouse/replicas'
import { createTestClock, startTestRedis, type TestRedis } from '@gatehouse/testing'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ada } from '../harness/clients.ts'
import { remoteSettings } from '../harness/settings.ts'
import { createSealedMail } from '../replicas/sealed-mail.ts'
import { type CallerKeyStore, createCallerKeys, overlap, period } from './caller-keys.ts'
import { createCallerIdentity } from './index.ts'
import { createSqliteKeyStore } from './key-store.ts'

let redis: TestRedis
beforeAll(async () => {
  redis = await startTestRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

const secret = 'a secret for tests, and for nothing else'
const start = Math.ceil(Date.UTC(2026, 0, 1) / period) * period + 86_400_000

function keysAt(store: CallerKeyStore, now: () => number, ...secrets: readonly string[]) {
  const [first = secret, ...others] = secrets
  return createCallerKeys({
    store,
    seals: [createSealedMail([first]), ...others.map((one) => createSealedMail([one]))],
    now,
  })
}
const kidsOf = async (keys: ReturnType<typeof keysAt>) => (await keys.published()).map(({ kid }) => kid)

test('replicas share a key, no matter which is first; the next one is published a period before it signs, the last one an hour after', async () => {
  const clock = createTestClock(start)
  const store = createSqliteKeyStore(':memory:', clock.now)
  const [one, other] = [keysAt(store, clock.now), keysAt(store, clock.now)]
  const [first, same] = await Promise.all([one.signing(), other.signing()])
  expect(first.kid).toBe(same.kid)
  const [, next] = await kidsOf(other)
  clock.elapse((period - 86_400_000) / 1_000)
  expect((await one.signing()).kid).toBe(next)
  expect(await kidsOf(one)).toEqual([next, expect.any(String), first.kid])
  // one that starts only now knows the last one, too
  expect(await kidsOf(keysAt(store, clock.now))).toEqual(await kidsOf(one))
  clock.elapse(overlap / 1_000)
  expect(await kidsOf(one)).not.toContain(first.kid)
  expect(await kidsOf(one)).toHaveLength(2)
  store.close()
})

test('nothing private is published, and nothing that is kept can be read', async () => {
  const kept: string[] = []
  const store: CallerKeyStore = {
    async decide(question, answer) {
      kept.push(question, answer, Buffer.from(answer, 'base64url').toString('latin1'))
      return answer
    },
  }
  const published = await keysAt(store, () => start).published()
  for (const key of published) {
    expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    expect(kept.join()).not.toContain(key.x)
    expect(kept.join()).not.toContain(key.kid)
  }
  expect(kept.join()).not.toContain(secret)
})

test('while the store is away the known keys go on, and another store that lost them gets them back', async () => {
  const clock = createTestClock(start)
  let store: CallerKeyStore = createSqliteKeyStore(':memory:', clock.now)
  const keys = keysAt({ decide: (...given) => store.decide(...given) }, clock.now)
  const { kid } = await keys.signing()
  store = { decide: () => Promise.reject(new Error('away')) }
  clock.elapse(600)
  expect((await keys.signing()).kid).toBe(kid)
  store = createSqliteKeyStore(':memory:', clock.now)
  clock.elapse(600)
  expect((await keys.signing()).kid).toBe(kid)
  expect((await keysAt(store, clock.now).signing()).kid).toBe(kid)
})

test('another secret has keys of its own at once; those of the previous one are published for as long as it is named', async () => {
  const store = createSqliteKeyStore(':memory:', () => start)
  const { kid } = await keysAt(store, () => start).signing()
  const after = keysAt(store, () => start, 'another secret for tests, and for nothing', secret)
  expect((await after.signing()).kid).not.toBe(kid)
  expect(await kidsOf(after)).toContain(kid)
  expect(await kidsOf(keysAt(store, () => start, 'another secret for tests, and for nothing'))).not.toContain(kid)
  store.close()
})

test('what one replica signs is verified with the keys of another, over Redis', async () => {
  const open = () => openRedisReplicas({ connection: redis.url, prefix: `mcp:test-${process.pid}:` })
  const [here, there] = [open(), open()]
  await expect.poll(() => there.isAlive('x').then(String, String)).toBe('false')
  await expect.poll(() => here.isAlive('x').then(String, String)).toBe('false')
  const at = (store: CallerKeyStore) => createCallerIdentity({ store, secrets: [secret], now: Date.now })
  const settings = remoteSettings('https://up.example/mcp?key=of-the-url', {
    identity: { header: 'gatehouse-caller', as: 'jwt' },
  })
  const granted = { scopes: new Set(['mcp:tools:call', 'ledger:write']), expiresAt: Date.now() / 1_000 + 60 }
  const token = await at(here).valueFor(settings, { owner: ada, granted })
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet((await at(there).keySet()) as never), {
    issuer: ada.endpoint,
    audience: 'https://up.example/mcp',
    typ: 'gatehouse-caller+jwt',
  })
  expect(protectedHeader.alg).toBe('ES256')
  expect(payload).toMatchObject({ sub: 'dev:ada', client_id: 'client', scope: 'mcp:tools:call ledger:write' })
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
  const late = await at(here).valueFor(settings, {
    owner: ada,
    granted: { ...granted, expiresAt: Date.now() / 1_000 - 1 },
  })
  expect((await jwtVerify(late, createLocalJWKSet((await at(there).keySet()) as never))).payload).not.toHaveProperty(
    'scope',
  )
  await Promise.all([here.close(), there.close()])
})

test('a plain subject that no header can hold is never changed into another', async () => {
  const store = createSqliteKeyStore(':memory:', Date.now)
  const { valueFor } = createCallerIdentity({ store, secrets: [secret], now: Date.now })
  const settings = remoteSettings('https://up.example/mcp', { identity: { header: 'x-caller', as: 'subject' } })
  const granted = { scopes: new Set<string>(), expiresAt: 0 }
  expect(await valueFor(settings, { owner: ada, granted })).toBe('dev:ada')
  for (const subject of ['dev:jürgen', ' dev:ada', 'dev:ada\r\nx: y', ''])
    await expect(valueFor(settings, { owner: { ...ada, subject }, granted })).rejects.toMatchObject({
      fault: 'invalid',
    })
})
