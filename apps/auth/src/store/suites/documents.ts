import { expect, test } from 'vitest'
import { race, type Staged } from './scene.ts'

export function describeDocuments(staged: Staged): void {
  test(
    'a document is what was put last, and stays',
    staged(async ({ store, elapse }) => {
      expect(await store.documents.get('keys')).toBeUndefined()
      await store.documents.put('keys', { list: [1] })
      await store.documents.put('keys', { list: [1, 2] })
      await elapse(10 * 365 * 86_400_000)
      expect(await store.documents.get('keys')).toEqual({ list: [1, 2] })
      expect(await store.documents.get('other')).toBeUndefined()
    }),
  )

  test(
    'any JSON can be a document',
    staged(async ({ store }) => {
      for (const value of [null, false, 0, '', [], 'Grüße']) {
        await store.documents.put('value', value)
        expect(await store.documents.get('value')).toEqual(value)
      }
    }),
  )

  test(
    'putIfAbsent leaves what is there, and says what it is',
    staged(async ({ store }) => {
      expect(await store.documents.putIfAbsent('keys', { n: 1 })).toEqual({ n: 1 })
      expect(await store.documents.putIfAbsent('keys', { n: 2 })).toEqual({ n: 1 })
      expect(await store.documents.get('keys')).toEqual({ n: 1 })
    }),
  )

  test(
    'twenty who putIfAbsent at once agree on one value',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < 10; round += 1) {
        const name = `keys-${round}`
        const { won } = await race(20, stores, (each, index) => each.documents.putIfAbsent(name, { index }))
        expect(won).toHaveLength(20)
        for (const value of won) expect(value).toEqual(won[0])
        expect(await store.documents.get(name)).toEqual(won[0])
      }
    }),
  )
}
