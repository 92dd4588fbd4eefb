import { verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import type { Browser, Page } from '../../harness/browser.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { approvedDevice, askAsDevice, errorOf, refused } from '../../harness/flows.ts'

const entry = 'Connect a device'
const signIn = 'Sign in to connect a device'
const approvalTitle = 'A device wants to use your account'

verifies('D15', 'opening the link with the code fills it in, sends nothing and approves nothing', async () => {
  await using server = await startAuthServer()
  const { userCode, poll } = await askAsDevice(server)
  const browser = server.openBrowser()
  const page = await browser.open(`/device?user_code=${userCode}`)
  expect(page).toMatchObject({ status: 200, heading: entry })
  expect(page.forms).toEqual([
    { action: '/device', fields: { xsrf: expect.any(String), user_code: userCode }, buttons: [] },
  ])
  expect(page.html).not.toContain('<script')
  expect(errorOf(await poll())).toEqual(refused(400, 'authorization_pending'))

  await browser.submit('/device')
  const approval = await browser.logIn()
  expect(approval.heading).toBe('A device wants to use your account')
  for (const fact of [userCode, 'Terminal', 'See the list of tools', 'http://localhost:3000/mcp', 'Asked', 'dev:ada']) {
    expect(approval.text).toContain(fact)
  }
  server.elapse(5)
  expect(errorOf(await poll())).toEqual(refused(400, 'authorization_pending'))
})

verifies('D15', 'somebody who is signed in already is asked all the same', async () => {
  await using server = await startAuthServer()
  const browser = await signedInBrowser(server)
  const { userCode, poll } = await askAsDevice(server)
  const page = await browser.open(`/device?user_code=${userCode}`)
  expect(page.heading).toBe(entry)
  expect((await browser.submit('/device')).heading).toBe('A device wants to use your account')
  expect(errorOf(await poll())).toEqual(refused(400, 'authorization_pending'))
})

verifies(
  'D12',
  'wrong, used and expired codes, and those that somebody else is looking at, look the same',
  async () => {
    await using server = await startAuthServer()
    const used = await approvedDevice(server)
    const inFlight = await askAsDevice(server)
    const owner = server.openBrowser()
    await owner.enterCode(inFlight.userCode)
    await owner.logIn()
    const enter = async (userCode: string) => withoutCode(await server.openBrowser().enterCode(userCode), userCode)

    const wrong = await enter('BBBB-BBBB')
    expect(wrong).toMatchObject({ status: 400, heading: entry })
    expect(wrong.text).toContain('This code is wrong or too old.')
    expect(await enter(used.userCode)).toEqual(wrong)
    expect(await enter(inFlight.userCode)).toEqual(wrong)
    const expired = await askAsDevice(server)
    server.elapse(600)
    expect(await enter(expired.userCode)).toEqual(wrong)
    // nor by the time it takes, of which each has the best of five: a difference as of a slow hash would show
    const times: number[] = []
    for (const userCode of ['CCCC-CCCC', used.userCode, expired.userCode]) {
      const each: number[] = []
      for (let time = 0; time < 5; time += 1) {
        const browser = server.openBrowser()
        await browser.open('/device')
        const began = performance.now()
        await browser.enterCode(userCode)
        each.push(performance.now() - began)
      }
      times.push(Math.min(...each))
    }
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(100)
  },
)

verifies('D17', 'of three people who enter one code and sign in at the same instant exactly one owns it', async () => {
  const together = createBarrier(3)
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      deviceCodes: {
        ...store.deviceCodes,
        async update(id, payload, write) {
          await together()
          return store.deviceCodes.update(id, payload, write)
        },
      },
    }),
  })
  const { userCode, poll } = await askAsDevice(server)
  const browsers = [server.openBrowser(), server.openBrowser(), server.openBrowser()]
  // nobody signed in, so nothing is decided yet
  for (const browser of browsers) expect((await browser.enterCode(userCode)).heading).toBe(signIn)
  await Promise.all(browsers.map((browser, index) => browser.logIn(`person-${index}`)))
  const owners = browsers.filter(({ page }) => page.heading === approvalTitle)
  expect(owners).toHaveLength(1)
  const others = browsers.filter((each) => each !== owners[0])
  for (const { page } of others) expect(page).toMatchObject({ status: 400, heading: 'This request has expired' })
  const wrong = withoutCode(await server.openBrowser().enterCode('BBBB-BBBB'), 'BBBB-BBBB')
  expect(withoutCode(await server.openBrowser().enterCode(userCode), userCode)).toEqual(wrong)

  await owners[0]?.approve()
  expect((await poll()).status).toBe(200)
})

verifies(
  'D16',
  "a code entered in one browser can be signed in with in another, and is then that one's alone",
  async () => {
    await using server = await startAuthServer()
    const { userCode, poll } = await askAsDevice(server)
    const laptop = server.openBrowser()
    const phone = server.openBrowser()
    expect((await laptop.enterCode(userCode)).heading).toBe(signIn)
    expect((await phone.enterCode(userCode)).heading).toBe(signIn)
    expect((await phone.logIn('ada')).heading).toBe(approvalTitle)

    expect(await laptop.logIn('mallory')).toMatchObject({ status: 400, heading: 'This request has expired' })
    expect((await laptop.open('/device')).status).toBe(200)
    expect((await laptop.enterCode(userCode)).text).toContain('This code is wrong or too old.')
    expect(errorOf(await poll())).toEqual(refused(400, 'authorization_pending'))
    await phone.approve()
    expect(decodeJwt((await poll()).json.access_token ?? '').sub).toBe('dev:ada')
  },
)

test('a browser that lost its cookies before it signed in can enter the code again', async () => {
  await using server = await startAuthServer()
  const { userCode, poll } = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(userCode)
  browser.forgetCookies()
  expect((await browser.logIn()).status).toBe(400)
  await browser.open('/device')
  expect((await browser.enterCode(userCode)).heading).toBe(signIn)
  await browser.logIn()
  await browser.approve()
  expect((await poll()).status).toBe(200)
})

verifies(
  'D16',
  'anyone who is signed in has a code as soon as they enter it, and nobody can cancel it for them',
  async () => {
    await using server = await startAuthServer()
    const owner = await signedInBrowser(server)
    const { userCode, poll } = await askAsDevice(server)
    const other = server.openBrowser()
    await other.enterCode(userCode)
    await owner.open('/device')
    expect((await owner.enterCode(userCode)).heading).toBe(approvalTitle)
    expect(await other.cancel()).toMatchObject({ status: 400, heading: 'This request has expired' })
    expect(errorOf(await poll())).toEqual(refused(400, 'authorization_pending'))
    // signed out on the way to another account, the code stays with this session
    await owner.switchAccount()
    expect((await server.openBrowser().enterCode(userCode)).text).toContain('This code is wrong or too old.')
    await owner.logIn('bob')
    await owner.approve()
    expect(decodeJwt((await poll()).json.access_token ?? '').sub).toBe('dev:bob')
  },
)

verifies('D21', 'codes are read as people type them', async () => {
  await using server = await startAuthServer()
  const spellings = [
    (code: string) => code.toLowerCase(),
    (code: string) => ` ${code.replace('-', ' ')} `,
    (code: string) => code.replace('-', ''),
    (code: string) => [...code].join('.'),
    (code: string) => code.replace('-', '–'),
    (code: string) => `${code}\t`,
  ]
  for (const spell of spellings) {
    const { userCode } = await askAsDevice(server)
    const typed = spell(userCode)
    expect([typed, (await server.openBrowser().enterCode(typed)).heading]).toEqual([
      typed,
      'Sign in to connect a device',
    ])
  }
})

verifies('D21', 'what cannot be a code gets the form again', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const absurd = [
    'ВСDF-GHJK',
    'BCDF-GHJ',
    'BCDF-GHJKL',
    '<img src=x onerror=alert(1)>',
    "' OR 1=1",
    '\u0000',
    'B'.repeat(10_240),
  ]
  for (const typed of absurd) {
    const page = await browser.enterCode(typed)
    expect([typed.slice(0, 20), page.status, page.heading]).toEqual([typed.slice(0, 20), 400, entry])
    expect(page.html).not.toContain('<img')
  }
  expect((await browser.enterCode('')).text).toContain('Type the code that your device shows.')
})

verifies('D13', 'a form without its secret, with a wrong one or from another site gets the form again', async () => {
  await using server = await startAuthServer()
  const { userCode, poll } = await askAsDevice(server)
  const stranger = server.openBrowser()
  await stranger.open('/device')
  const foreign = stranger.page.forms[0]?.fields.xsrf ?? ''
  const browser = server.openBrowser()
  for (const xsrf of ['', 'wrong', foreign]) {
    await browser.open('/device')
    const page = await browser.submit('/device', { user_code: userCode, xsrf })
    expect(page).toMatchObject({ status: 400, heading: entry })
    expect(page.text).toContain('it was not your fault')
  }
  for (const site of ['cross-site', 'same-site']) {
    await browser.open('/device')
    const page = await browser.submit('/device', { user_code: userCode }, { 'sec-fetch-site': site })
    expect(page).toMatchObject({ status: 400, heading: entry })
  }
  expect(errorOf(await poll())).toEqual(refused(400, 'authorization_pending'))
  expect((await browser.submit('/device')).heading).toBe('Sign in to connect a device')
})

verifies('D13', 'a form whose session is lost leads back to the form, with the code and a notice', async () => {
  await using server = await startAuthServer()
  const { userCode } = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.open('/device')
  browser.forgetCookies()
  const page = await browser.enterCode(userCode)
  expect(page).toMatchObject({ status: 200, heading: entry })
  expect(page.text).toContain('This page was open for too long.')
  expect(page.forms[0]?.fields.user_code).toBe(userCode)
  expect((await browser.submit('/device')).heading).toBe('Sign in to connect a device')
})

test('a form that was open for longer than its session leads back to the form', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.open('/device')
  server.elapse(601)
  const { userCode } = await askAsDevice(server)
  expect((await browser.enterCode(userCode)).text).toContain('This page was open for too long.')
  expect((await browser.submit('/device')).heading).toBe('Sign in to connect a device')
})

verifies('D11', 'five wrong codes of one session are the last for a while, and right ones do not count', async () => {
  await using server = await startAuthServer()
  const browser = await signedInBrowser(server)
  for (let right = 0; right < 6; right += 1) {
    const { userCode } = await askAsDevice(server)
    await browser.open('/device')
    expect((await browser.enterCode(userCode)).heading).toBe('A device wants to use your account')
  }
  await browser.open('/device')
  for (let wrong = 0; wrong < 5; wrong += 1) expect((await browser.enterCode('BBBB-BBBB')).status).toBe(400)
  server.elapse(100)
  const { userCode } = await askAsDevice(server)
  const page = await browser.enterCode(userCode)
  expect(page).toMatchObject({ status: 429, heading: 'Too many tries' })
  expect(page.headers['retry-after']).toBe('500')

  expect((await server.openBrowser().enterCode(userCode)).status).toBe(200)
  server.elapse(500)
  const { userCode: later } = await askAsDevice(server)
  await browser.open('/device')
  expect((await browser.enterCode(later)).heading).toBe('A device wants to use your account')
})

async function signedInBrowser(server: AuthServer): Promise<Browser> {
  const { userCode } = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(userCode)
  await browser.logIn()
  await browser.approve()
  return browser
}

/** Holds the first `count` callers until all of them are there; later ones pass. */
function createBarrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let arrived = 0
  return async () => {
    arrived += 1
    if (arrived >= count) resolve()
    await promise
  }
}

/** The page without what differs for everybody: the code and the form's secret. */
function withoutCode({ status, heading, text, html, headers }: Page, userCode: string) {
  const same = (value: string) =>
    value
      .replaceAll(userCode, 'CODE')
      .replaceAll(userCode.replace('-', ''), 'CODE')
      .replace(/name="xsrf" value="[^"]*"/, '')
  const { 'content-length': _length, date: _date, 'set-cookie': _cookies, ...rest } = headers
  return { status, heading, text: same(text), html: same(html), headers: rest }
}

provesSecrecy()
