// What becomes of a person who signs in while their upstream is asked about them.
import { expect, test } from 'vitest'
import { type Identity, LoginFailedError } from '../identity/identity.ts'
import type { EnabledLogin } from '../logins/login.ts'
import { createSealing } from '../store/sealing.ts'
import { openSqliteStore } from '../store/sqlite/store.ts'
import { createRenewal } from './renewal.ts'

const hour = 3_600_000
const known = (checkedAt: number, upstreamToken: string, group: string): Identity => ({
  subject: 'oidc:corp:ada',
  label: 'ada',
  facts: { checkedAt, upstreamToken, groups: [group] },
})

async function world(ask: (signInMeanwhile: () => void) => Promise<Identity>) {
  const sealing = createSealing({ secret: 'the secret of the tests of renewals' })
  const store = openSqliteStore({ path: ':memory:', sealing, clock: () => 2 * hour, onTampered: () => undefined })
  let account = known(0, 'first', 'old')
  const put = (identity: Identity) => {
    account = identity
  }
  const stale: boolean[] = []
  const { renew } = createRenewal({
    records: store.records,
    accounts: { find: async () => account, put: async (identity) => put(identity) },
    freshFor: hour,
    clock: () => 2 * hour,
    onStale: ({ counts }) => stale.push(counts),
  })
  const login: EnabledLogin = {
    subjectPrefix: 'oidc:corp:',
    judgedBy: ['groups'],
    renewal: {
      isNeeded: () => true,
      knows: () => true,
      ask: () => ask(() => put(known(2 * hour, 'of a sign-in', 'newest'))),
    },
  }
  const result = await renew(account, login)
  await store.close()
  return { result, account, stale }
}

test('what was said at the sign-in stays, with its token', async () => {
  const { result, account } = await world(async (signInMeanwhile) => {
    signInMeanwhile()
    return known(2 * hour, 'next', 'new')
  })
  expect([result, account]).toEqual(Array(2).fill(known(2 * hour, 'of a sign-in', 'newest')))
})

test('a token that the sign-in ended says nothing of the person', async () => {
  const { result } = await world(async (signInMeanwhile) => {
    signInMeanwhile()
    throw new LoginFailedError('refused', 'invalid_grant')
  })
  expect(result).toEqual(known(2 * hour, 'of a sign-in', 'newest'))
})

test('without one, what is said now counts, and who is refused is nobody here', async () => {
  const { result, account, stale } = await world(async () => known(2 * hour, 'next', 'new'))
  expect([result, account, stale]).toEqual([known(2 * hour, 'next', 'new'), known(2 * hour, 'next', 'new'), []])
  const refused = await world(async () => {
    throw new LoginFailedError('refused', 'invalid_grant')
  })
  expect(refused.result).toBeUndefined()
})

test('what is no failure of the login is no answer about the person either', async () => {
  await expect(
    world(async () => {
      throw new Error('the store is away')
    }),
  ).rejects.toThrow('the store is away')
})
