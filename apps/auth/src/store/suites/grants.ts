import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import type { Store } from '../contract.ts'
import { race, type Staged } from './scene.ts'
import { rotatedSecrets, secondSecret } from './test-sealing.ts'

const day = 86_400_000

const putGrant = (store: Store, id: string, accountId: string, expiresIn = 90 * day) =>
  store.records.put('Grant', id, { jti: id, accountId }, expiresIn, { accountId })

const useGrant = (store: Store, grantId: string, accountId: string, token = `token of ${grantId}`) =>
  store.records.put('RefreshToken', token, {}, 30 * day, { grantId, accountId })

async function idsOf(store: Store, accountId: string): Promise<readonly unknown[]> {
  return (await store.records.grantsOf(accountId)).map(({ payload }) => payload.jti).sort()
}

export function describeGrants(staged: Staged): void {
  test(
    'an account has the grants that were put with it, and nobody else has them',
    staged(async ({ store, stores }) => {
      await putGrant(store, 'a', 'dev:ada')
      await putGrant(store, 'b', 'dev:ada')
      await putGrant(store, 'c', 'dev:bob')
      for (const each of stores) {
        expect(await idsOf(each, 'dev:ada')).toEqual(['a', 'b'])
        expect(await idsOf(each, 'dev:bob')).toEqual(['c'])
        expect(await idsOf(each, 'dev:eve')).toEqual([])
      }
      expect(await store.records.find('Grant', 'a')).toEqual({ payload: { jti: 'a', accountId: 'dev:ada' } })
    }),
  )

  verifies(
    'D18',
    'a grant that was destroyed or has expired is not in the list, whatever was put for it since',
    staged(async ({ store, elapse }) => {
      for (const id of ['destroyed', 'revoked', 'kept']) await putGrant(store, id, 'dev:ada')
      await putGrant(store, 'short', 'dev:ada', 60_000)
      for (const id of ['destroyed', 'revoked']) await useGrant(store, id, 'dev:ada')
      await store.records.destroy('Grant', 'destroyed')
      await store.records.destroy('Grant', 'revoked')
      await store.records.revokeByGrant('revoked')
      expect(await idsOf(store, 'dev:ada')).toEqual(['kept', 'short'])
      await useGrant(store, 'destroyed', 'dev:ada', 'a refresh that was under way')
      await elapse(181_000)
      for (let time = 0; time < 2; time += 1) expect(await idsOf(store, 'dev:ada')).toEqual(['kept'])
      await elapse(90 * day)
      expect(await idsOf(store, 'dev:ada')).toEqual([])
    }),
  )

  test(
    'a grant says when it was used last',
    staged(async ({ store, elapse, precision }) => {
      const unusedFor = async () => {
        const [grant] = await store.records.grantsOf('dev:ada')
        await putGrant(store, 'now', 'somebody else')
        const [now] = await store.records.grantsOf('somebody else')
        return (now?.usedAt ?? 0) - (grant?.usedAt ?? 0)
      }
      const about = (expected: number, actual: number) =>
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(precision)
      await putGrant(store, 'a', 'dev:ada')
      await elapse(1_000_000)
      about(1_000_000, await unusedFor())
      await useGrant(store, 'a', 'dev:ada')
      await elapse(50_000)
      about(50_000, await unusedFor())
    }),
  )

  test(
    'a grant of a release that kept no list is in it once it was used',
    staged(async ({ store }) => {
      await store.records.put('Grant', 'old', { jti: 'old', accountId: 'dev:ada' }, 90 * day)
      expect(await idsOf(store, 'dev:ada')).toEqual([])
      await useGrant(store, 'old', 'dev:ada')
      expect(await idsOf(store, 'dev:ada')).toEqual(['old'])
    }),
  )

  test(
    'the list outlives a record of the grant that lives shorter than the grant',
    staged(async ({ store, elapse }) => {
      await putGrant(store, 'a', 'dev:ada')
      await useGrant(store, 'a', 'dev:ada')
      await elapse(60 * day)
      expect(await idsOf(store, 'dev:ada')).toEqual(['a'])
    }),
  )

  test(
    'anyone who reads in the middle of a write does not take the grant out of the list',
    staged(async ({ store, stores }) => {
      for (let round = 0; round < 20; round += 1) {
        const id = `grant-${round}`
        await race(8, stores, async (each, index) =>
          index === 0 ? putGrant(each, id, 'dev:ada') : void (await each.records.grantsOf('dev:ada')),
        )
        expect(await idsOf(store, 'dev:ada')).toContain(id)
      }
    }),
  )

  verifies(
    'N5',
    'an entry that was made to lead to the grant of somebody else is refused and reported',
    staged(async ({ store, tampered }) => {
      await putGrant(store, 'a', 'dev:ada')
      // as anyone who can write to the store would have it: the entry of one account, the grant of another
      await useGrant(store, 'a', 'dev:mallory')
      expect(await idsOf(store, 'dev:mallory')).toEqual([])
      expect(tampered).toEqual([{ kind: 'Grant', key: expect.any(String), fault: 'wrong_index' }])
    }),
  )

  test(
    'a list from before the rotation of the secret is still found, and goes over to the new one as grants are used',
    staged(async ({ store, sealing }) => {
      await putGrant(store, 'used', 'dev:ada')
      await putGrant(store, 'left', 'dev:ada')
      sealing.useSecrets(rotatedSecrets)
      await putGrant(store, 'used', 'dev:ada')
      expect(await idsOf(store, 'dev:ada')).toEqual(['left', 'used'])
      sealing.useSecrets(secondSecret)
      expect(await idsOf(store, 'dev:ada')).toEqual(['used'])
    }),
  )
}
