// A decision is one, and final: whatever is pressed twice, in two tabs, at once, or after it.
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { StoreUnavailableError } from '../errors.ts'
import { type AuthServer, type AuthServerOptions, startAuthServer } from '../harness/auth-server.ts'
import type { Browser } from '../harness/browser.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce, errorOf, refused } from '../harness/flows.ts'
import type { Answer } from '../harness/http.ts'

const gone = 'This request has expired'

async function askedByApp(server: AuthServer): Promise<Browser> {
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge))
  await browser.logIn('ada')
  return browser
}

async function askedByDevice(server: AuthServer) {
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  await browser.logIn('ada')
  return { device, browser }
}

/** Sends a form of the page as the browser does, but stays where it is: what comes next is not followed. */
function press(server: AuthServer, browser: Browser, step: string, more: Readonly<Record<string, string>> = {}) {
  const form = browser.page.forms.find(({ action }) => action.endsWith(step))
  if (!form) throw new Error(`no form for ${step}`)
  const cookie = Object.entries(browser.cookies(form.action))
    .map((pair) => pair.join('='))
    .join('; ')
  return server.post(form.action, { ...form.fields, ...more }, { accept: 'text/html', cookie })
}

const decide = (server: AuthServer, browser: Browser, decision: 'approve' | 'refuse') =>
  press(server, browser, '/decision', { decision })
const nextOf = ({ headers, text }: Answer) => String(headers.refresh ?? headers.location ?? text).replace('0;url=', '')
const isGone = ({ status, text }: Answer) => status === 400 && text.includes(gone)

async function connectedApps(browser: Browser): Promise<number> {
  await browser.open('/apps')
  return browser.page.forms.filter(({ fields }) => fields.grant).length
}

/** Lets the first `count` writes of decisions go on when all of them are there. */
function allAtOnce(count: number): Pick<AuthServerOptions, 'wrapStore'> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let arrived = 0
  return {
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        async create(model, ...rest) {
          if (model === 'Decision') {
            arrived += 1
            if (arrived >= count) resolve()
            await promise
          }
          return store.records.create(model, ...rest)
        },
      },
    }),
  }
}

verifies('A22', 'a form that was refused cannot be approved, and the app is told of the refusal', async () => {
  await using server = await startAuthServer()
  const browser = await askedByApp(server)
  const refusal = await decide(server, browser, 'refuse')
  expect(refusal.status).toBe(200)
  expect(isGone(await decide(server, browser, 'approve'))).toBe(true)
  // pressed twice, it still leads back to the app
  expect(nextOf(await decide(server, browser, 'refuse'))).toBe(nextOf(refusal))
  expect((await browser.open(nextOf(refusal))).leftTo?.searchParams.get('error')).toBe('access_denied')
  expect(await connectedApps(browser)).toBe(0)
})

verifies('A22', 'a form that was approved cannot be refused, nor answered by another account', async () => {
  await using server = await startAuthServer()
  const browser = await askedByApp(server)
  const approval = await decide(server, browser, 'approve')
  expect(isGone(await decide(server, browser, 'refuse'))).toBe(true)
  expect(isGone(await press(server, browser, '/switch'))).toBe(true)
  expect((await browser.open(nextOf(approval))).leftTo?.searchParams.get('code')).toBeTruthy()
  expect(await connectedApps(browser)).toBe(1)
})

verifies('A22', 'a sign-in that was cancelled cannot go on', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge))
  const cancelled = await press(server, browser, '/cancel')
  expect(isGone(await press(server, browser, '/login', { name: 'ada' }))).toBe(true)
  expect((await browser.open(nextOf(cancelled))).leftTo?.searchParams.get('error')).toBe('access_denied')
})

verifies('A22', "a device's request that was refused cannot be approved, from that tab or from another", async () => {
  await using server = await startAuthServer()
  const { device, browser } = await askedByDevice(server)
  const tab = browser.openTab()
  await tab.enterCode(device.userCode)
  const refusal = await decide(server, browser, 'refuse')
  for (const each of [browser, tab]) expect(isGone(await decide(server, each, 'approve'))).toBe(true)
  expect((await browser.open(nextOf(refusal))).heading).toBe('Nothing was shared')
  expect(errorOf(await device.poll())).toEqual(refused(400, 'access_denied'))
  expect(await connectedApps(browser)).toBe(0)
})

verifies('A22', 'eight approvals of one form at once are one app', async () => {
  await using server = await startAuthServer(allAtOnce(8))
  const browser = await askedByApp(server)
  const answers = await Promise.all(Array.from({ length: 8 }, () => decide(server, browser, 'approve')))
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
  expect((await browser.open(nextOf(answers[0] as Answer))).leftTo?.searchParams.get('code')).toBeTruthy()
  expect(await connectedApps(browser)).toBe(1)
})

verifies('A22', 'of four approvals and four refusals at once one kind counts', async () => {
  await using server = await startAuthServer(allAtOnce(8))
  const browser = await askedByApp(server)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => decide(server, browser, index % 2 === 0 ? 'approve' : 'refuse')),
  )
  const kinds = new Set(answers.flatMap(({ status }, index) => (status === 200 ? [index % 2] : [])))
  expect(kinds.size).toBe(1)
  const [kind] = kinds
  const { leftTo } = await browser.open(nextOf(answers[kind ?? 0] as Answer))
  expect(leftTo?.searchParams.has('code')).toBe(kind === 0)
  expect(await connectedApps(browser)).toBe(kind === 0 ? 1 : 0)
})

verifies('A22', 'eight tabs that approve one device at once are one app', async () => {
  await using server = await startAuthServer(allAtOnce(8))
  const { device, browser } = await askedByDevice(server)
  const tabs = Array.from({ length: 8 }, () => browser.openTab())
  for (const tab of tabs) await tab.enterCode(device.userCode)
  await Promise.all(tabs.map((tab) => tab.approve()))
  expect(tabs.filter(({ page }) => page.heading === 'You are signed in on your device')).toHaveLength(1)
  expect(await connectedApps(browser)).toBe(1)
  expect((await device.poll()).status).toBe(200)
})

verifies(
  'A22',
  'an approval that broke off is finished by pressing again, as one app, and cannot be turned round',
  async () => {
    let failing = false
    await using server = await startAuthServer({
      wrapStore: (store) => ({
        ...store,
        records: {
          ...store.records,
          async put(model, ...rest) {
            if (failing && model === 'GrantOrigin') throw new StoreUnavailableError()
            return store.records.put(model, ...rest)
          },
        },
      }),
    })
    const browser = await askedByApp(server)
    failing = true
    expect((await decide(server, browser, 'approve')).status).toBe(503)
    failing = false
    expect(isGone(await decide(server, browser, 'refuse'))).toBe(true)
    expect((await browser.approve()).leftTo?.searchParams.get('code')).toBeTruthy()
    expect(await connectedApps(browser)).toBe(1)
  },
)

provesSecrecy()
