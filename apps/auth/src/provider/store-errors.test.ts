// A store that goes away in the middle of a request: a 503 that says when to come back, wherever it was.
import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../errors.ts'
import { startAuthServer } from '../harness/auth-server.ts'
import { askAsDevice, errorOf, logInOnDevice, refresh } from '../harness/flows.ts'
import type { Store } from '../store/contract.ts'

/** A store of which one part goes away when it is told to. */
function createFailing(part: (store: Store, guard: () => void) => Store) {
  const failing = { now: false }
  const guard = () => {
    if (failing.now) throw new StoreUnavailableError()
  }
  return { failing, wrapStore: (store: Store): Store => part(store, guard) }
}

test('where it is asked for the answer that a refresh token got before', async () => {
  const { failing, wrapStore } = createFailing((store, guard) => ({
    ...store,
    records: {
      ...store.records,
      find: async (model, id) => {
        if (model === 'RedeemedAnswer') guard()
        return store.records.find(model, id)
      },
    },
  }))
  await using server = await startAuthServer({ wrapStore })
  const { refresh_token: token } = await logInOnDevice(server)
  const first = await refresh(server, token)
  failing.now = true
  const again = await refresh(server, token)
  expect(errorOf(again)).toMatchObject({ status: 503, error: 'temporarily_unavailable' })
  expect(again.headers['retry-after']).toBe('1')
  failing.now = false
  expect((await refresh(server, token)).text).toBe(first.text)
})

test('where it is asked for the account', async () => {
  const { failing, wrapStore } = createFailing((store, guard) => ({
    ...store,
    records: {
      ...store.records,
      findLasting: async (model, id) => {
        if (model === 'Account') guard()
        return store.records.findLasting(model, id)
      },
    },
  }))
  await using server = await startAuthServer({ wrapStore })
  const { refresh_token: token } = await logInOnDevice(server)
  failing.now = true
  expect(errorOf(await refresh(server, token))).toMatchObject({ status: 503, error: 'temporarily_unavailable' })
  failing.now = false
  expect((await refresh(server, token)).status, 'nothing was used up').toBe(200)
})

const cannotSaveSessions = () =>
  createFailing((store, guard) => ({
    ...store,
    records: {
      ...store.records,
      put: async (model, ...rest) => {
        if (model === 'Session') guard()
        return store.records.put(model, ...rest)
      },
    },
  }))

test('where the session is saved, after everything else: a page, and no cookie', async () => {
  const { failing, wrapStore } = cannotSaveSessions()
  await using server = await startAuthServer({ wrapStore })
  failing.now = true
  const page = await server.openBrowser().open('/device')
  expect(page.status).toBe(503)
  expect(page.heading).toBe('We are busy')
  expect(page.headers['retry-after']).toBe('1')
  expect(page.headers['set-cookie']).toBeUndefined()
  expect(page.headers['content-security-policy']).toBeDefined()
})

test('where the session gets another id at sign-in: the browser still has the one that entered the code', async () => {
  const { failing, wrapStore } = cannotSaveSessions()
  await using server = await startAuthServer({ wrapStore })
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  failing.now = true
  expect((await browser.logIn('ada')).status).toBe(503)
  failing.now = false
  await browser.open('/device')
  await browser.enterCode(device.userCode)
  if (browser.page.heading.startsWith('Sign in')) await browser.logIn('ada')
  expect((await browser.approve()).heading).toBe('You are signed in on your device')
  expect((await device.poll()).status).toBe(200)
})
