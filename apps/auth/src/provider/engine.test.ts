import type { Provider } from 'oidc-provider'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StoreUnavailableError } from '../errors.ts'
import { createSigningKey, type SigningKey } from '../keys/signing-keys.ts'
import type { DocumentStore } from '../store/contract.ts'
import { createEngine } from './engine.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => vi.useRealTimers())

/** An engine over a store that holds one document, or is away. */
function createScene() {
  const store = { keys: undefined as readonly SigningKey[] | undefined, away: false }
  const trouble: Error[] = []
  const made: (readonly SigningKey[])[] = []
  const written: string[] = []
  const guarded = <T>(run: () => T) => {
    if (store.away) throw new StoreUnavailableError()
    return run()
  }
  const documents: DocumentStore = {
    get: async () => guarded(() => store.keys && { keys: store.keys }),
    put: async (_name, value) =>
      guarded(() => {
        store.keys = (value as { keys: SigningKey[] }).keys
      }),
    putIfAbsent: async (_name, value) =>
      guarded(() => {
        store.keys ??= (value as { keys: SigningKey[] }).keys
        return { keys: store.keys }
      }),
  }
  const engine = createEngine({
    documents,
    clock: () => Date.now(),
    create: (keys) => {
      made.push(keys)
      return { callback: () => async () => undefined } as unknown as Provider
    },
    onTrouble: (error) => trouble.push(error),
    onKeysWritten: (what) => written.push(what),
  })
  return { engine, store, trouble, made, written }
}

test('a store that is away at the start is waited for, and reported once', async () => {
  const { engine, store, trouble, made } = createScene()
  store.away = true
  await engine.start()
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
  const { engine, store, made } = createScene()
  await engine.start()
  const before = engine.provider()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(engine.provider()).toBe(before)
  store.keys = [...(store.keys ?? []), await createSigningKey(Date.now())]
  await vi.advanceTimersByTimeAsync(6_000)
  expect(engine.provider()).not.toBe(before)
  expect(made.at(-1)).toHaveLength(2)
  engine.stop()
})

test('a store that goes away later keeps the engine running, and gets the keys back if it lost them', async () => {
  const { engine, store, trouble } = createScene()
  await engine.start()
  const { keys } = store
  store.away = true
  await vi.advanceTimersByTimeAsync(60_000)
  expect(engine.provider()).toBeDefined()
  expect(trouble).toHaveLength(1)
  Object.assign(store, { away: false, keys: undefined })
  await vi.advanceTimersByTimeAsync(6_000)
  expect(store.keys).toEqual(keys)
  engine.stop()
})

test('a stopped engine asks no more', async () => {
  const { engine, store } = createScene()
  await engine.start()
  engine.stop()
  const before = engine.provider()
  store.keys = [await createSigningKey(Date.now())]
  await vi.advanceTimersByTimeAsync(60_000)
  expect(engine.provider()).toBe(before)
  expect(vi.getTimerCount()).toBe(0)
})
