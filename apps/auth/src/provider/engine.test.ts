import type { Provider } from 'oidc-provider'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StoreUnavailableError } from '../errors.ts'
import { emptyRing, type KeyRing, removeKeys, rotateRing, tendRing } from '../keys/key-ring.ts'
import type { KeyDocuments } from '../keys/reconcile.ts'
import { createSigningKey, type SigningKey } from '../keys/signing-keys.ts'
import { createEngine, type KeysChange } from './engine.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => vi.useRealTimers())

const day = 86_400
const lifetimes = { signingKey: 90 * day, keySet: 300, accessToken: 600 }

/** Made once: what is asked of the keys of ID tokens here is that they are there. */
const rsaRing = await tendRing(emptyRing('RS256'), Date.now(), lifetimes)

/** An engine over a store that holds the keys of access tokens and those of ID tokens, or is away. */
function createScene() {
  const store = {
    ring: undefined as KeyRing | undefined,
    idTokenKeys: structuredClone(rsaRing) as KeyRing | undefined,
    away: false,
  }
  const member = (name: string) => (name === 'signing-keys' ? 'ring' : 'idTokenKeys')
  const trouble: Error[] = []
  const made: (readonly SigningKey[])[] = []
  const written: string[] = []
  const changes: KeysChange[] = []
  const guarded = <T>(run: () => T) => {
    if (store.away) throw new StoreUnavailableError()
    return run()
  }
  const documents: KeyDocuments = {
    get: async (name) => guarded(() => store[member(name)]),
    put: async (name, value) =>
      guarded(() => {
        store[member(name)] = value as KeyRing
      }),
    putIfAbsent: async (name, value) =>
      guarded(() => {
        store[member(name)] ??= value as KeyRing
        return store[member(name)]
      }),
  }
  const engine = createEngine({
    documents,
    clock: () => Date.now(),
    lifetimes,
    onTrouble: (error) => trouble.push(error),
    onKeysWritten: (what) => written.push(what),
    onKeysChanged: (change) => changes.push(change),
  })
  const start = () =>
    engine.start((keys) => {
      made.push(keys)
      return { callback: () => async () => undefined } as unknown as Provider
    })
  return { engine, start, store, trouble, made, written, changes }
}

test('a store that is away at the start is waited for, and reported once', async () => {
  const { engine, start, store, trouble, made } = createScene()
  store.away = true
  await start()
  expect(() => engine.provider()).toThrow(StoreUnavailableError)
  await vi.advanceTimersByTimeAsync(3_000)
  expect(trouble).toHaveLength(1)
  store.away = false
  // making a key takes real time
  await vi.waitFor(() => engine.provider())
  expect(made).toHaveLength(1)
  engine.stop()
})

test('a key that another replica adds is taken over within seconds, and nothing changes without one', async () => {
  const { engine, start, store, made } = createScene()
  await start()
  const before = engine.provider()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(engine.provider()).toBe(before)
  const added = { ...(await createSigningKey('ES256', Date.now())), signs_from: Date.now() / 1000 + day }
  store.ring = { ...emptyRing('ES256'), keys: [...(store.ring?.keys ?? []), added] }
  await vi.advanceTimersByTimeAsync(6_000)
  expect(engine.provider()).not.toBe(before)
  expect(made.at(-1)).toHaveLength(5)
  engine.stop()
})

test('what an operator does is taken over within seconds, and told by key ids', async () => {
  const { engine, start, store, made, changes } = createScene()
  await start()
  const [first, second] = (made[0] ?? []).map(({ kid }) => kid)
  await vi.advanceTimersByTimeAsync(1_000_000)
  store.ring = rotateRing(store.ring as KeyRing, Date.now(), lifetimes)
  await vi.advanceTimersByTimeAsync(6_000)
  // making the next key takes real time
  await vi.waitFor(() => expect(made.at(-1)).toHaveLength(5))
  expect(made.at(-1)?.[0]?.kid).toBe(second)
  expect(changes.at(-1)).toMatchObject({ before: [first, second], removed: [] })

  store.ring = await removeKeys(store.ring, [first as string], Date.now())
  await vi.advanceTimersByTimeAsync(6_000)
  expect(made.at(-1)?.map(({ kid }) => kid)).not.toContain(first)
  expect(changes.at(-1)?.removed).toEqual([first])
  expect(JSON.stringify(changes)).not.toContain(made[0]?.[0]?.d)
  engine.stop()
})

test('the time of the next key comes although the store is away', async () => {
  const { engine, start, store, made } = createScene()
  await start()
  const [, next] = made[0] ?? []
  store.away = true
  vi.setSystemTime(Date.now() + 91 * day * 1000)
  await vi.advanceTimersByTimeAsync(6_000)
  expect(made.at(-1)?.[0]).toEqual(next)
  engine.stop()
})

test('a store that goes away later keeps the engine running, and gets the keys back if it lost them', async () => {
  const { engine, start, store, trouble, written } = createScene()
  await start()
  const { ring } = store
  store.away = true
  await vi.advanceTimersByTimeAsync(60_000)
  expect(engine.provider()).toBeDefined()
  expect(trouble).toHaveLength(1)
  Object.assign(store, { away: false, ring: undefined })
  await vi.advanceTimersByTimeAsync(6_000)
  expect(store.ring).toEqual(ring)
  expect(written).toEqual(['made', 'written_back'])
  engine.stop()
})

test('on a store of a release that signed everything with ES256 those keys go on, and one for ID tokens is made', async () => {
  const { engine, start, store, made, written } = createScene()
  store.ring = await tendRing(emptyRing('ES256'), Date.now(), lifetimes)
  store.idTokenKeys = undefined
  const before = structuredClone(store.ring)
  await start()
  expect(made[0]?.map(({ alg }) => alg)).toEqual(['ES256', 'ES256', 'RS256', 'RS256'])
  expect(store.ring, 'replicas of that release see nothing new').toEqual(before)
  expect(written).toEqual(['made'])
  engine.stop()
})

test('a stopped engine asks no more', async () => {
  const { engine, start, store } = createScene()
  await start()
  engine.stop()
  const before = engine.provider()
  store.ring = { ...emptyRing('ES256'), keys: [{ ...(await createSigningKey('ES256', Date.now())), signs_from: 0 }] }
  await vi.advanceTimersByTimeAsync(60_000)
  expect(engine.provider()).toBe(before)
  expect(vi.getTimerCount()).toBe(0)
})
