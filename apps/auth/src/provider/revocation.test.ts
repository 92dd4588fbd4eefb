import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { terminal } from '../harness/clients.ts'
import { logInOnDevice, refresh } from '../harness/flows.ts'

verifies('RV4', 'what belongs to a grant is looked for once, however many kinds of it a client may have', async () => {
  const revoked: string[] = []
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        revokeByGrant(grantId) {
          revoked.push(grantId)
          return store.records.revokeByGrant(grantId)
        },
      },
    }),
  })
  const [first, second] = [await logInOnDevice(server), await logInOnDevice(server)]
  const revoke = (token = '') => server.post('/revoke', { client_id: terminal.client_id, token })
  const answers = await Promise.all([revoke(first.refresh_token), revoke(second.refresh_token)])
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect(revoked).toHaveLength(2)
  expect(new Set(revoked).size, 'one of each').toBe(2)
  for (const { refresh_token: token } of [first, second])
    expect((await refresh(server, token)).json.error).toBe('invalid_grant')
})
