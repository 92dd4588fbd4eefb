import { expect, test } from 'vitest'
import { OperatorError } from '../errors.ts'
import { emptyRing, type KeyRing, publishedKeys } from './key-ring.ts'
import { removeSigningKeys, rotateKeys, storedKeys } from './operator.ts'
import { type KeyDocuments, reconcileKeys } from './reconcile.ts'

const startTime = Date.UTC(2026, 11, 1)
const lifetimes = { signingKey: 90 * 86_400, keySet: 300, accessToken: 600 }

async function createScene() {
  const stored = new Map<string, unknown>()
  const documents: KeyDocuments = {
    get: async (name) => structuredClone(stored.get(name)),
    put: async (name, value) => void stored.set(name, structuredClone(value)),
    putIfAbsent: async (name, value) => {
      if (!stored.has(name)) stored.set(name, structuredClone(value))
      return stored.get(name)
    },
  }
  const options = { documents, lifetimes, clock: () => startTime, hold: 0 }
  const start = async () => {
    await reconcileKeys(emptyRing('ES256'), { documents, lifetimes, now: startTime - 86_400_000 })
    return kids(await storedKeys(options))
  }
  const name = 'signing-keys'
  return {
    documents,
    options,
    start,
    overwrite: (value: unknown) => stored.set(name, value),
    stored: () => stored.get(name),
  }
}

const kids = (rings: readonly KeyRing[]) =>
  rings.flatMap((ring) => publishedKeys(ring, startTime)).map(({ kid }) => kid)

test('a store without keys is left as it is', async () => {
  const { options, stored } = await createScene()
  await expect(storedKeys(options)).rejects.toThrow(OperatorError)
  await expect(rotateKeys(options)).rejects.toThrow(OperatorError)
  await expect(removeSigningKeys(['one'], options)).rejects.toThrow(OperatorError)
  expect(stored()).toBeUndefined()
})

test('what is done is stored', async () => {
  const { options, start } = await createScene()
  const [first = '', second] = await start()
  expect(kids(await rotateKeys(options))[0]).toBe(second)
  await removeSigningKeys([first], options)
  const rings = await storedKeys(options)
  expect(kids(rings)).not.toContain(first)
  expect([kids(rings)[0], rings[0]?.removed]).toEqual([second, [first]])
})

test('of two operators at once none undoes what the other did', async () => {
  const { options, start } = await createScene()
  const [first = '', second = ''] = await start()
  const held = { ...options, hold: 600 }
  await Promise.all([removeSigningKeys([first], held), removeSigningKeys([second], held)])
  const rings = await storedKeys(options)
  expect(rings[0]?.removed.toSorted()).toEqual([first, second].toSorted())
  expect(kids(rings)).not.toContain(first)
  expect(kids(rings)).not.toContain(second)
})

test('a replica that overwrites the change does not undo it while the command stays', async () => {
  const { options, start, overwrite, stored } = await createScene()
  const [first = ''] = await start()
  const before = structuredClone(stored())
  const removing = removeSigningKeys([first], { ...options, hold: 1_000 })
  await expect.poll(() => (stored() as KeyRing).removed).toEqual([first])
  overwrite(before)
  await removing
  expect((await storedKeys(options))[0]?.removed).toEqual([first])
})

test('a key id that is not there is refused before anything is done, one that was removed is not', async () => {
  const { options, start } = await createScene()
  const [first = ''] = await start()
  await expect(removeSigningKeys([first, 'no-such-key'], options)).rejects.toThrow('no-such-key')
  expect(kids(await storedKeys(options))).toContain(first)
  const once = await removeSigningKeys([first], options)
  expect(await removeSigningKeys([first], options)).toEqual(once)
})

test('with keys of two algorithms both take their turn by one command, and a removal is of the key that is named alone', async () => {
  const { documents, options, start } = await createScene()
  await start()
  await reconcileKeys(emptyRing('RS256'), { documents, lifetimes, now: startTime - 86_400_000 })
  const before = await storedKeys(options)
  const [es256, rs256] = before.map((ring) => publishedKeys(ring, startTime).map(({ kid }) => kid))
  const rotated = await rotateKeys(options)
  expect(rotated.map((ring) => publishedKeys(ring, startTime)[0]?.kid)).toEqual([es256?.[1], rs256?.[1]])

  const after = await removeSigningKeys([rs256?.[1] ?? ''], options)
  expect(after[0]).toEqual(rotated[0])
  expect(after[1]?.removed).toEqual([rs256?.[1]])
  expect(kids(after)).not.toContain(rs256?.[1])
})
