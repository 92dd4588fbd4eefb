import { verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../errors.ts'
import { startAuthServer } from '../harness/auth-server.ts'
import { deviceGrant } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce, errorOf, refused } from '../harness/flows.ts'

const approval = 'A device wants to use your account'
const gone = 'This request has expired'
const pending = refused(400, 'authorization_pending')

verifies('D16', 'another browser cannot approve what this one entered, even with the address of the page', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  const owner = server.openBrowser()
  await owner.enterCode(device.userCode)
  await owner.logIn('ada')
  const { action = '', fields = {} } = owner.page.forms.find((form) => form.action.endsWith('/decision')) ?? {}
  const { pathname } = new URL(owner.page.url)

  const other = server.openBrowser()
  expect(await other.open(pathname)).toMatchObject({ status: 400, heading: gone })
  const answer = await server.post(action, { ...fields, decision: 'approve' }, { accept: 'text/html' })
  expect(answer.status).toBe(400)
  expect(errorOf(await device.poll())).toEqual(pending)
  await owner.approve()
  expect((await device.poll()).status).toBe(200)
})

verifies('D16', 'a browser that became somebody else in between cannot approve the older page', async () => {
  await using server = await startAuthServer()
  const [first, second] = [await askAsDevice(server), await askAsDevice(server)]
  const tab = server.openBrowser()
  await tab.enterCode(first.userCode)
  await tab.logIn('ada')
  const otherTab = tab.openTab()
  await otherTab.enterCode(second.userCode)
  await otherTab.switchAccount()
  await otherTab.logIn('mallory')

  expect(await tab.approve()).toMatchObject({ status: 400, heading: gone })
  expect(errorOf(await first.poll())).toEqual(pending)
  await otherTab.approve()
  expect(decodeJwt((await second.poll()).json.access_token ?? '').sub).toBe('dev:mallory')
})

verifies(
  'D16',
  'a tab that was left at sign-in becomes the person who signs in there, and no other tab is approved by it',
  async () => {
    await using server = await startAuthServer()
    const [first, second] = [await askAsDevice(server), await askAsDevice(server)]
    const tab = server.openBrowser()
    const otherTab = tab.openTab()
    await tab.enterCode(first.userCode)
    await otherTab.enterCode(second.userCode)
    await tab.logIn('ada')
    expect((await otherTab.logIn('bob')).text).toContain('dev:bob')
    expect(await tab.approve()).toMatchObject({ status: 400, heading: gone })
    await otherTab.approve()
    expect(decodeJwt((await second.poll()).json.access_token ?? '').sub).toBe('dev:bob')
    expect(errorOf(await first.poll())).toEqual(pending)
  },
)

verifies(
  'D18',
  'every decision is in the log: who decided what, for which client, and where that was asked from',
  async () => {
    await using server = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' } })
    const from = { 'x-forwarded-for': '8.8.4.4' } // addresses for examples are not shown: nobody has them
    for (const decide of ['approve', 'refuse'] as const) {
      const device = await askAsDevice(server, {}, from)
      const browser = server.openBrowser({ headers: { 'x-forwarded-for': '192.0.2.9' } })
      await browser.enterCode(device.userCode)
      await browser.logIn('ada')
      await browser[decide]()
    }
    const app = server.openBrowser({ headers: { 'x-forwarded-for': '192.0.2.9' } })
    await app.open(authorizePath(createPkce().challenge))
    await app.logIn('bob')
    await app.approve()
    const decisions = server
      .log()
      .split('\n')
      .filter((line) => line.includes('"decision"'))
      .map((line) => JSON.parse(line))
    const ada = { subject: 'dev:ada', clientId: 'terminal', device: { askedFrom: '8.8.4.4' } }
    expect(decisions).toMatchObject([
      { level: 30, decision: 'approve', ...ada },
      { level: 30, decision: 'refuse', ...ada },
      { level: 30, decision: 'approve', subject: 'dev:bob', clientId: 'terminal' },
    ])
    expect(decisions[2]).not.toHaveProperty('device')
  },
)

verifies(
  'D18',
  'the operator decides how fresh the sign-in behind an approval is, by the life of sessions',
  async () => {
    await using server = await startAuthServer({ environment: { AUTH_LIFETIMES: '{"session":60}' } })
    const browser = server.openBrowser()
    const enter = async () => {
      await browser.open('/device')
      return (await browser.enterCode((await askAsDevice(server)).userCode)).heading
    }
    expect(await enter()).toBe('Sign in to connect a device')
    await browser.logIn()
    await browser.approve()
    server.elapse(50)
    expect(await enter()).toBe(approval)
    server.elapse(11)
    expect(await enter()).toBe('Sign in to connect a device')
  },
)

test('after signing out by "use another account" an older page cannot sign the first one in again', async () => {
  await using server = await startAuthServer()
  const [first, second] = [await askAsDevice(server), await askAsDevice(server)]
  const tab = server.openBrowser()
  await tab.enterCode(first.userCode)
  await tab.logIn('ada')
  const otherTab = tab.openTab()
  await otherTab.enterCode(second.userCode)
  expect((await otherTab.switchAccount()).heading).toBe('Sign in to connect a device')
  expect(await tab.approve()).toMatchObject({ status: 400, heading: gone })
  expect(errorOf(await first.poll())).toEqual(pending)
})

test("two tabs with two codes do not get in each other's way", async () => {
  await using server = await startAuthServer()
  const [first, second] = [await askAsDevice(server), await askAsDevice(server)]
  const tab = server.openBrowser()
  const otherTab = tab.openTab()
  await tab.open('/device')
  await otherTab.open('/device')
  await tab.enterCode(first.userCode)
  await otherTab.enterCode(second.userCode)
  await otherTab.logIn('ada')
  await tab.logIn('ada')
  expect((await otherTab.approve()).status).toBe(200)
  expect((await tab.approve()).status).toBe(200)
  for (const { poll } of [first, second]) expect((await poll()).status).toBe(200)
})

test('after a closed tab the same code can be entered again in the same browser', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  const tab = server.openBrowser()
  await tab.enterCode(device.userCode)
  const second = tab.openTab()
  await second.enterCode(device.userCode)
  await second.logIn()
  const third = tab.openTab()
  expect((await third.enterCode(device.userCode)).heading).toBe(approval)
  await third.approve()
  expect((await device.poll()).status).toBe(200)
  expect(await second.approve()).toMatchObject({ status: 400, heading: gone })
  expect((await third.openTab().enterCode(device.userCode)).status).toBe(400)
})

test('"use another account" keeps the session and the request, and the token is for the new account', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  await browser.logIn('ada')
  expect((await browser.switchAccount()).heading).toBe('Sign in to connect a device')
  const page = await browser.logIn('bob')
  expect(page.heading).toBe(approval)
  expect(page.text).toContain('dev:bob')
  expect(page.text).toContain(device.userCode)
  await browser.approve()
  expect(decodeJwt((await device.poll()).json.access_token ?? '').sub).toBe('dev:bob')

  const next = await askAsDevice(server)
  expect((await browser.enterCode(next.userCode)).text).toContain('dev:bob')
})

verifies('D6', 'cancelling the sign-in refuses the request', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  expect((await browser.cancel()).heading).toBe('Nothing was shared')
  expect(errorOf(await device.poll())).toEqual(refused(400, 'access_denied'))
})

test('an answered request cannot be answered again, nor turned round', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  await browser.logIn()
  const late = browser.openTab()
  await late.open(browser.page.url)
  await browser.refuse()
  expect(await late.approve()).toMatchObject({ status: 400, heading: gone })
  expect(errorOf(await device.poll())).toEqual(refused(400, 'access_denied'))
})

test('a failure of ours between the approval and its answer does not use the code up', async () => {
  let failing = false
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        find: async (model, id) => {
          if (failing && model === 'Grant') throw new StoreUnavailableError()
          return store.records.find(model, id)
        },
      },
    }),
  })
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  await browser.logIn()
  failing = true
  expect(await browser.approve()).toMatchObject({ status: 503, heading: 'We are busy' })
  failing = false
  expect(errorOf(await device.poll())).toEqual(pending)
  await browser.open('/device')
  await browser.enterCode(device.userCode)
  expect((await browser.approve()).status).toBe(200)
  expect((await device.poll()).status).toBe(200)
})

test('the last page opened again, or in another browser, is an expired request and no failure', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.enterCode((await askAsDevice(server)).userCode)
  await browser.logIn()
  const { url } = await browser.approve()
  for (const each of [browser, server.openBrowser()]) {
    const page = await each.open(url)
    expect(page).toMatchObject({ status: 400, heading: gone })
    expect(page.text).toContain('start again there')
  }
})

test('a decision that is neither yes nor no asks again', async () => {
  await using server = await startAuthServer()
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  await browser.logIn()
  expect((await browser.submit('/decision', { decision: 'maybe' })).heading).toBe(approval)
  expect((await browser.submit('/decision')).heading).toBe(approval)
  expect(errorOf(await device.poll())).toEqual(pending)
})

test('a name that cannot be one is explained and can be mended', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.enterCode((await askAsDevice(server)).userCode)
  const page = await browser.logIn('<b>ada</b>')
  expect(page).toMatchObject({ status: 400, heading: 'Sign in to connect a device' })
  expect(page.text).toContain('Use 1 to 32 letters')
  expect(page.html).not.toContain('<b>ada')
  expect((await browser.logIn(' Ada ')).text).toContain('dev:ada')
})

verifies('D20', 'the name of an app is escaped, cleaned and cut, and its host is not invented', async () => {
  await using server = await startAuthServer()
  const names = {
    '<img src=x onerror=alert(1)>': '<img src=x onerror=alert(1)>',
    'Git\u202eHub\u200b': 'GitHub',
    [`${'x'.repeat(5_000)}`]: `${'x'.repeat(63)}…`,
    '\u0000\u200b ': 'An app without a name',
  }
  for (const [name, shown] of Object.entries(names)) {
    const { json: client } = await server.register({
      client_name: name,
      token_endpoint_auth_method: 'none',
      grant_types: [deviceGrant],
    })
    const { userCode } = await askAsDevice(server, { client_id: client.client_id ?? '' })
    const browser = server.openBrowser()
    for (const page of [await browser.enterCode(userCode), await browser.logIn()]) {
      expect(page.status).toBe(200)
      expect(page.text).toContain(shown)
      expect(page.text).toContain('Unverified app')
      expect(page.html).not.toMatch(/<img|[\u202e\u200b]|x{65}/)
    }
  }
})

provesSecrecy()
