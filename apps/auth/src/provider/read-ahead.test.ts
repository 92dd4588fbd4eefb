import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { logInOnDevice, refresh } from '../harness/flows.ts'
import type { Store } from '../store/contract.ts'

/** Notes what is asked for of the models that a redemption reads; `held` keeps the answer about a grant back. */
function watched() {
  const asked: string[] = []
  const scene = { asked, held: false, onAccount: () => {} }
  const wrapStore = (store: Store): Store => ({
    ...store,
    records: {
      ...store.records,
      async find(model, id) {
        asked.push(`find ${model}`)
        const { promise, resolve } = Promise.withResolvers<void>()
        if (model === 'Grant' && scene.held) {
          scene.onAccount = resolve
          await promise
        }
        return store.records.find(model, id)
      },
      findLasting(model, id) {
        asked.push(`findLasting ${model}`)
        scene.onAccount()
        return store.records.findLasting(model, id)
      },
      keep(...args) {
        asked.push('keep')
        return store.records.keep(...args)
      },
    },
  })
  return { scene, wrapStore }
}

test('a refresh asks for its grant and its person together, each once', async () => {
  const { scene, wrapStore } = watched()
  await using server = await startAuthServer({ wrapStore })
  const { refresh_token: token } = await logInOnDevice(server)
  scene.asked.length = 0
  scene.held = true // unless the person is asked for meanwhile, there is no answer
  expect((await refresh(server, token)).status).toBe(200)
  expect(scene.asked.filter((what) => /Grant$|Account$|keep/.test(what))).toEqual(['find Grant', 'findLasting Account'])
})

test('the end of an account is put off once a day', async () => {
  const { scene, wrapStore } = watched()
  await using server = await startAuthServer({ wrapStore })
  const { refresh_token: token } = await logInOnDevice(server)
  server.elapse(86_401)
  scene.asked.length = 0
  const renewed = await refresh(server, token)
  expect(scene.asked).toContain('keep')
  scene.asked.length = 0
  expect((await refresh(server, renewed.json.refresh_token ?? '')).status).toBe(200)
  expect(scene.asked).not.toContain('keep')
})

test('a grant that ended is not there, however often it was read ahead', async () => {
  await using server = await startAuthServer()
  const { refresh_token: token } = await logInOnDevice(server)
  const renewed = (await refresh(server, token)).json.refresh_token ?? ''
  await server.post('/revoke', { token: renewed, client_id: 'terminal' })
  expect((await refresh(server, renewed)).json.error).toBe('invalid_grant')
})
