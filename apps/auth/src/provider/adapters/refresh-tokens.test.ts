import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { errorOf, logInOnDevice, refresh, refused } from '../../harness/flows.ts'
import type { RecordStore, Store } from '../../store/contract.ts'

const wrapped = (of: (records: RecordStore) => Partial<RecordStore>) => (store: Store) => ({
  ...store,
  records: { ...store.records, ...of(store.records) },
})

async function signedIn(of: (records: RecordStore) => Partial<RecordStore> = () => ({})) {
  const server = await startAuthServer({ wrapStore: wrapped(of) })
  const { refresh_token: token } = await logInOnDevice(server)
  const tokens = async () => (await server.store.records.list('RefreshToken', { size: 100 })).entries
  return { server, token, tokens }
}

test('a token is marked as used while the next one is written', async () => {
  let onWritten = () => {}
  const { server, token } = await signedIn((records) => ({
    async consume(model, id) {
      // unless the next one is written meanwhile, there is no answer
      if (model === 'RefreshToken') await new Promise<void>((resolve) => (onWritten = resolve))
      await records.consume(model, id)
    },
    async put(model, ...rest) {
      await records.put(model, ...rest)
      if (model === 'RefreshToken') onWritten()
    },
  }))
  await using _ = server
  const renewed = await refresh(server, token)
  expect(renewed.status).toBe(200)
  expect((await refresh(server, renewed.json.refresh_token ?? '')).status).toBe(200)
})

verifies('F2', 'who presents a token that another one redeemed a moment ago leaves no token behind', async () => {
  const { server, token, tokens } = await signedIn()
  await using _ = server
  const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(server, token)))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(await tokens(), 'the used one and the next one').toHaveLength(2)
})

test('where a token cannot be marked as used nobody gets the next one, and it stays good', async () => {
  let isAway = false
  const { server, token, tokens } = await signedIn((records) => ({
    consume: async (model, id) => {
      if (isAway) throw new Error('the store is away')
      await records.consume(model, id)
    },
  }))
  await using _ = server
  isAway = true
  expect(errorOf(await refresh(server, token))).toEqual(refused(500, 'server_error'))
  expect(await tokens(), 'the next one was taken back').toHaveLength(1)
  isAway = false
  expect((await refresh(server, token)).status).toBe(200)
})

test('where the next one cannot be written the client is told, and its token can be redeemed again', async () => {
  let isAway = false
  const { server, token } = await signedIn((records) => ({
    put: async (model, ...rest) => {
      if (isAway && model === 'RefreshToken') throw new Error('the store is away')
      await records.put(model, ...rest)
    },
  }))
  await using _ = server
  isAway = true
  expect(errorOf(await refresh(server, token))).toEqual(refused(500, 'server_error'))
  isAway = false
  expect((await refresh(server, token)).status).toBe(200)
})
