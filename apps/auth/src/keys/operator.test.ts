import { expect, test } from 'vitest'
import type { DocumentStore } from '../store/contract.ts'
import { emptyRing, type KeyRing, publishedKeys } from './key-ring.ts'
import { KeyCommandError, removeSigningKeys, rotateKeys, storedKeys } from './operator.ts'
import { reconcileKeys } from './reconcile.ts'

const NOW = Date.UTC(2026, 11, 1)
const lifetimes = { signingKey: 90 * 86_400, keySet: 300, accessToken: 600 }

async function createScene() {
  let stored: unknown
  const documents: DocumentStore = {
    get: async () => structuredClone(stored),
    put: async (_name, value) => {
      stored = structuredClone(value)
    },
    putIfAbsent: async (_name, value) => {
      stored ??= structuredClone(value)
      return stored
    },
  }
  const options = { documents, lifetimes, clock: () => NOW, hold: 0 }
  const start = async () => {
    await reconcileKeys(emptyRing, { documents, lifetimes, now: NOW - 86_400_000 })
    return kids(await storedKeys(options))
  }
  return { documents, options, start, overwrite: (value: unknown) => (stored = value), stored: () => stored }
}

const kids = (ring: KeyRing) => publishedKeys(ring, NOW).map(({ kid }) => kid)

test('a store without keys is left as it is', async () => {
  const { options, stored } = await createScene()
  await expect(storedKeys(options)).rejects.toThrow(KeyCommandError)
  await expect(rotateKeys(options)).rejects.toThrow(KeyCommandError)
  await expect(removeSigningKeys(['one'], options)).rejects.toThrow(KeyCommandError)
  expect(stored()).toBeUndefined()
})

test('what is done is stored', async () => {
  const { options, start } = await createScene()
  const [first = '', second] = await start()
  expect(kids(await rotateKeys(options))[0]).toBe(second)
  await removeSigningKeys([first], options)
  const ring = await storedKeys(options)
  expect(kids(ring)).not.toContain(first)
  expect([kids(ring)[0], ring.removed]).toEqual([second, [first]])
})

test('of two operators at once none undoes what the other did', async () => {
  const { options, start } = await createScene()
  const [first = '', second = ''] = await start()
  const held = { ...options, hold: 600 }
  await Promise.all([removeSigningKeys([first], held), removeSigningKeys([second], held)])
  const ring = await storedKeys(options)
  expect(ring.removed.toSorted()).toEqual([first, second].toSorted())
  expect(kids(ring)).not.toContain(first)
  expect(kids(ring)).not.toContain(second)
})

test('a replica that overwrites the change does not undo it while the command stays', async () => {
  const { options, start, overwrite, stored } = await createScene()
  const [first = ''] = await start()
  const before = structuredClone(stored())
  const removing = removeSigningKeys([first], { ...options, hold: 1_000 })
  await expect.poll(() => (stored() as KeyRing).removed).toEqual([first])
  overwrite(before)
  await removing
  expect((await storedKeys(options)).removed).toEqual([first])
})

test('a key id that is not there is refused before anything is done, one that was removed is not', async () => {
  const { options, start } = await createScene()
  const [first = ''] = await start()
  await expect(removeSigningKeys([first, 'no-such-key'], options)).rejects.toThrow('no-such-key')
  expect(kids(await storedKeys(options))).toContain(first)
  const once = await removeSigningKeys([first], options)
  expect(await removeSigningKeys([first], options)).toEqual(once)
})
