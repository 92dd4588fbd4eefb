import { expect, test } from 'vitest'
import { CursorError } from '../../errors.ts'
import type { Page, PageRequest, Store } from '../contract.ts'
import { race, type Staged } from './scene.ts'
import { rotatedSecrets, secondSecret } from './test-sealing.ts'

const hour = 3_600_000

type List<T> = (page: PageRequest) => Promise<Page<T>>

/** Follows a listing to its end. `between` is run after each page. */
async function walk<T>(list: List<T>, { size = 10, between = async (_page: number) => {} } = {}) {
  const pages: Page<T>[] = []
  let after: string | undefined
  do {
    const page = await list({ size, after })
    pages.push(page)
    await between(pages.length)
    after = page.next
  } while (after !== undefined && pages.length < 1_000)
  expect(after, 'it comes to an end').toBeUndefined()
  return pages
}

const idsOf = async (store: Store, model: string, options = {}) => {
  const pages = await walk((page) => store.records.list(model, page), options)
  return [...new Set(pages.flatMap(({ entries }) => entries.map(({ payload }) => String(payload.id))))].sort()
}

const putAll = (store: Store, model: string, ids: readonly string[]) =>
  Promise.all(ids.map((id) => store.records.put(model, id, { id }, hour)))

const named = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index}`).sort()

export function describeListing(staged: Staged): void {
  test(
    'all records of a model are met, of no other, a page at a time',
    staged(async ({ store, stores }) => {
      const grants = named('grant', 250)
      await putAll(store, 'Grant', grants)
      await putAll(store, 'GrantOrigin', named('origin', 50))
      await store.documents.put('keys', {})
      for (const each of stores) expect(await idsOf(each, 'Grant')).toEqual(grants)
      expect(await idsOf(store, 'Client')).toEqual([])
      const pages = await walk((page) => store.records.list('Grant', page))
      expect(pages.length).toBeGreaterThan(5)
      // a store may look at a few more than it was asked to
      for (const { entries } of pages) expect(entries.length).toBeLessThanOrEqual(40)
      await store.records.consume('Grant', 'grant-0')
      const found = (await walk((page) => store.records.list('Grant', page))).flatMap(({ entries }) => entries)
      expect(found.filter(({ consumedAt }) => consumedAt !== undefined).map(({ payload }) => payload.id)).toEqual([
        'grant-0',
      ])
    }),
  )

  test(
    'what stays is met whatever comes, goes and changes meanwhile',
    staged(async ({ store, stores }) => {
      const stays = named('stays', 150)
      await putAll(store, 'Client', stays)
      const goes = named('goes', 100)
      await putAll(store, 'Client', goes)
      const [, other = store] = stores
      const found = await idsOf(store, 'Client', {
        async between(page: number) {
          if (page > 8) return
          await putAll(other, 'Client', named(`comes-${page}`, 30))
          await Promise.all(goes.slice(page * 10, page * 10 + 10).map((id) => other.records.destroy('Client', id)))
          await putAll(other, 'Client', stays.slice(0, 20))
        },
      })
      expect(stays.filter((id) => !found.includes(id))).toEqual([])
    }),
  )

  test(
    'what has expired is not met, once it cannot be found',
    staged(async ({ store, elapse }) => {
      await store.records.put('Grant', 'short', { id: 'short' }, 60_000)
      await store.records.put('Grant', 'long', { id: 'long' }, hour)
      await store.records.put('Grant', 'for ever', { id: 'for ever' }, undefined)
      expect(await idsOf(store, 'Grant')).toEqual(['for ever', 'long', 'short'])
      await elapse(185_000)
      expect(await idsOf(store, 'Grant')).toEqual(['for ever', 'long'])
    }),
  )

  test(
    'a cursor that is not one is refused',
    staged(async ({ store }) => {
      for (const after of ["' OR 1 --", 'a.0.0 MATCH *', '\0', '{}']) {
        await expect(store.records.list('Grant', { size: 10, after }), after).rejects.toThrow(CursorError)
        await expect(store.documents.list({ size: 10, after }), after).rejects.toThrow(CursorError)
      }
    }),
  )

  test(
    'no name is in a cursor',
    staged(async ({ store }) => {
      const people = named('dev:ada', 60)
      await putAll(store, 'Account', people)
      const pages = await walk((page) => store.records.list('Account', page))
      expect(pages.map(({ next }) => next).join()).not.toContain('ada')
    }),
  )

  test(
    'documents are met, those that do not open aside',
    staged(async ({ store, sealing, tampered }) => {
      const values = named('value', 30)
      for (const value of values) await store.documents.put(`name of ${value}`, value)
      const list = async () => {
        const pages = await walk((page) => store.documents.list(page))
        return [...new Set(pages.flatMap(({ entries }) => entries))].sort()
      }
      expect(await list()).toEqual(values)
      sealing.useSecrets(secondSecret)
      expect(await list()).toEqual([])
      expect(new Set(tampered.map(({ fault }) => fault))).toEqual(new Set(['unknown_key']))
    }),
  )
}

export function describeClearing(staged: Staged): void {
  test(
    'of all models but those that are to stay, every record is gone, and what led to it leads nowhere',
    staged(async ({ store, stores }) => {
      await putAll(store, 'RefreshToken', named('token', 700))
      await putAll(store, 'Client', named('client', 20))
      await store.records.put('Session', 's', {}, hour, { uid: 'u' })
      await store.records.put('Grant', 'g', { accountId: 'a' }, hour, { grantId: 'g', accountId: 'a' })
      await store.records.put('Made up', 'for ever', {}, undefined)
      await store.deviceCodes.create('d', {}, hour, { userCode: 'BCDFGHJK', phase: 'pending' })
      await store.documents.put('keys', { k: 1 })
      await store.attempts.take('somebody', 1, hour)
      const [, other = store] = stores
      expect(await other.records.clear(['Client', 'Account'])).toBe(704)
      expect(await idsOf(store, 'RefreshToken')).toEqual([])
      expect(await idsOf(store, 'Client')).toEqual(named('client', 20))
      expect(await store.records.findByUid('Session', 'u')).toBeUndefined()
      expect(await store.records.grantsOf('a')).toEqual([])
      expect(await store.records.find('Made up', 'for ever')).toBeUndefined()
      expect(await store.records.find('DeviceCode', 'd')).toBeUndefined()
      expect(await store.deviceCodes.findByUserCode('BCDFGHJK')).toBeUndefined()
      expect(await store.documents.get('keys')).toEqual({ k: 1 })
      expect((await store.attempts.take('somebody', 1, hour)).allowed).toBe(false)
      expect(await store.records.clear(['Client'])).toBe(0)
    }),
  )
}

export function describeReplacing(staged: Staged): void {
  test(
    'a record is replaced if it is there, and lives for as long as before',
    staged(async ({ store, elapse }) => {
      expect(await store.records.replace('Account', 'a', { n: 1 })).toBe(false)
      expect(await store.records.find('Account', 'a')).toBeUndefined()
      await store.records.put('Account', 'a', { n: 1 }, 60_000)
      expect(await store.records.replace('Account', 'a', { n: 2 })).toBe(true)
      expect(await store.records.find('Account', 'a')).toEqual({ payload: { n: 2 } })
      await elapse(65_000)
      expect(await store.records.replace('Account', 'a', { n: 3 }), 'it has expired').toBe(false)
      await elapse(120_000)
      expect(await store.records.find('Account', 'a')).toBeUndefined()
    }),
  )

  test(
    'a record whose end is near lives on; one that has ended does not',
    staged(async ({ store, elapse }) => {
      expect(await store.records.keep('Account', 'a', 60_000, hour)).toBe(false)
      await store.records.put('Account', 'a', { n: 1 }, 100_000)
      expect(await store.records.keep('Account', 'a', 60_000, hour), 'it lives for long enough').toBe(true)
      await elapse(50_000)
      expect(await store.records.keep('Account', 'a', 60_000, hour)).toBe(true)
      await elapse(600_000)
      expect(await store.records.find('Account', 'a')).toEqual({ payload: { n: 1 } })
      expect(await store.records.keep('Account', 'a', 1_000, hour)).toBe(true)
      await elapse(hour - 600_000 + 5_000)
      expect(await store.records.keep('Account', 'a', 60_000, hour), 'it has expired').toBe(false)
      await store.records.put('Account', 'for ever', {}, undefined)
      expect(await store.records.keep('Account', 'for ever', 60_000, hour)).toBe(true)
      await elapse(2 * hour)
      expect(await store.records.find('Account', 'for ever')).toBeDefined()
    }),
  )

  test(
    'one that was destroyed stays away, no matter who is about to replace or to keep it',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < 20; round += 1) {
        const id = `account-${round}`
        await store.records.put('Account', id, {}, hour)
        await race(9, stores, async (each, index) => {
          if (index === 4) await each.records.destroy('Account', id)
          else if (index % 2 === 0) await each.records.replace('Account', id, {})
          else await each.records.keep('Account', id, 2 * hour, 3 * hour)
        })
        expect(await store.records.find('Account', id)).toBeUndefined()
      }
    }),
  )

  test(
    'replacing keeps what leads to a record, and whether it was used',
    staged(async ({ store }) => {
      await store.records.put('Grant', 'a', { n: 1 }, hour, { grantId: 'g' })
      await store.records.consume('Grant', 'a')
      await store.records.replace('Grant', 'a', { n: 2 })
      expect(await store.records.find('Grant', 'a')).toEqual({ payload: { n: 2 }, consumedAt: expect.any(Number) })
      await store.records.revokeByGrant('g')
      expect(await store.records.find('Grant', 'a')).toBeUndefined()
    }),
  )
}

export function describeEnds(staged: Staged): void {
  test(
    'a document ends when it is told to, and not later than it was told before',
    staged(async ({ store, elapse }) => {
      for (const name of ['a', 'b', 'now']) await store.documents.put(name, name)
      await store.documents.endWithin('a', 60_000)
      await store.documents.endWithin('a', hour)
      await store.documents.endWithin('b', hour)
      await store.documents.endWithin('b', 60_000)
      await store.documents.endWithin('now', 0)
      await store.documents.endWithin('nobody', hour)
      expect(await store.documents.get('now')).toBeUndefined()
      expect(await store.documents.get('a')).toBe('a')
      await elapse(65_000)
      for (const name of ['a', 'b', 'nobody']) expect(await store.documents.get(name), name).toBeUndefined()
      expect(await store.documents.putIfAbsent('a', 'another')).toBe('another')
      const pages = await walk((page) => store.documents.list(page))
      expect(pages.flatMap(({ entries }) => entries)).toEqual(['another'])
    }),
  )

  test(
    'one that is put again lives for ever again; one that is sealed again keeps its end',
    staged(async ({ store, sealing, elapse }) => {
      for (const name of ['a', 'b']) {
        await store.documents.put(name, name)
        await store.documents.endWithin(name, 60_000)
      }
      await store.documents.put('a', 'again')
      sealing.useSecrets(rotatedSecrets)
      expect(await store.documents.get('b')).toBe('b')
      await elapse(65_000)
      expect(await store.documents.get('a')).toBe('again')
      expect(await store.documents.get('b')).toBeUndefined()
    }),
  )
}
