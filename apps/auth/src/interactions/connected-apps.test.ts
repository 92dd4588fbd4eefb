import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../errors.ts'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Browser, Page } from '../harness/browser.ts'
import { basic, deviceGrant, terminal, website } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import {
  approvedDevice,
  askAsDevice,
  authorizePath,
  createPkce,
  errorOf,
  logInOnDevice,
  obtainCode,
  refresh,
  refused,
} from '../harness/flows.ts'
import { grantsAtMost } from '../provider/people/connected-apps.ts'

const pageTitle = 'Connected apps'
const done = 'It has to ask you again. What it was given last works for up to 10 minutes more.'
const invalidGrant = refused(400, 'invalid_grant')

/** Opens the page in a new browser, through the sign-in that leads to it. */
async function openApps(server: AuthServer, name = 'ada', browser = server.openBrowser()): Promise<Browser> {
  await browser.open('/apps')
  expect(browser.page.heading).toBe('Sign in')
  await browser.logIn(name)
  expect(browser.page).toMatchObject({ status: 200, heading: pageTitle, url: `${server.issuer}/apps` })
  return browser
}

/** The ids of the grants that the page offers to end. */
const grantsOn = ({ forms }: Page) => forms.flatMap(({ fields }) => (fields.grant ? [fields.grant] : []))

const endings = (server: AuthServer) =>
  server
    .log()
    .split('\n')
    .filter((line) => line.includes('disconnected an app'))
    .map((line) => JSON.parse(line))

/** The header that this browser sends for a path. */
const cookieOf = (browser: Browser, path?: string) =>
  Object.entries(browser.cookies(path))
    .map((pair) => pair.join('='))
    .join('; ')

/** What the client itself learns about its own token. */
const introspect = async (server: AuthServer, token = '') =>
  (await server.post('/introspect', { token }, basic(website))).json.active

verifies('D18', 'a person sees the app they approved on a device, and one click ends it for good', async () => {
  await using server = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' } })
  const tokens = await logInOnDevice(server)
  server.elapse(3 * 3_600)
  const ada = await openApps(server)
  expect(ada.page.text).toContain('Terminal Added by an administrator')
  expect(ada.page.text).toContain('It may See the list of tools and what they offer Run tools for you')
  expect(ada.page.text).toContain('http://localhost:3000/mcp')
  expect(ada.page.text).toContain('Approved 3 hours ago , for a device')
  expect(ada.page.text).toContain('Signed in as dev:ada')

  await ada.submit('/apps/disconnect')
  expect(ada.page).toMatchObject({ status: 200, heading: pageTitle })
  expect(ada.page.text).toContain(`Terminal is disconnected. ${done}`)
  expect(ada.page.text).toContain('No app and no device is connected to your account.')
  expect(errorOf(await refresh(server, tokens.refresh_token))).toEqual(invalidGrant)
  expect(endings(server)).toMatchObject([{ level: 30, subject: 'dev:ada', clientId: 'terminal' }])
})

verifies('D18', 'where the device that asked was, and with what, is still there after the approval', async () => {
  await using server = await startAuthServer({ environment: { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' } })
  const headers = { 'x-forwarded-for': '8.8.4.4', 'user-agent': 'curl/8.5.0 (x86_64-pc-linux-gnu)' }
  const asked = await server.post('/device_authorization', { client_id: terminal.client_id }, headers)
  const browser = server.openBrowser({ headers: { 'x-forwarded-for': '192.0.2.9' } })
  await browser.enterCode(asked.json.user_code ?? '')
  await browser.logIn('ada')
  expect(browser.page.text).toContain(`You can disconnect it at any time at ${server.issuer}/apps`)
  await browser.approve()
  expect(browser.page.html).toContain('href="/apps"')
  await browser.open('/apps')
  expect(browser.page.text).toContain('Approved just now , for a device: curl on Linux, from 8.8.4.4')
})

verifies(
  'D18',
  'an app in the browser is listed with where its answers go, and asks again once it is ended',
  async () => {
    await using server = await startAuthServer()
    const ada = server.openBrowser()
    const redirect = { client_id: website.client_id, redirect_uri: website.redirect_uris[0] }
    const { redeem } = await obtainCode(server, { changes: redirect, browser: ada })
    const { access_token: token, refresh_token: renewal } = (await redeem({}, basic(website))).json
    expect(await introspect(server, token)).toBe(true)
    await ada.open('/apps')
    expect(ada.page.text).toContain('Approved just now , in a browser, for app.example.com')
    await ada.submit('/apps/disconnect')
    expect(await introspect(server, token), 'at once, although the token has not expired').toBe(false)
    const again = await server.token({ grant_type: 'refresh_token', refresh_token: renewal ?? '' }, basic(website))
    expect(errorOf(again)).toEqual(invalidGrant)
    await ada.open(authorizePath(createPkce().challenge, redirect))
    expect(ada.page.heading).toBe('An app wants to use your account')
    expect(ada.page.text, 'nothing is held any more').not.toContain('New')
  },
)

verifies('D22', 'codes that were approved and not redeemed yet end with the grant', async () => {
  await using server = await startAuthServer()
  const ada = server.openBrowser()
  const code = await obtainCode(server, { browser: ada })
  const device = await approvedDevice(server)
  await ada.open('/apps')
  expect(grantsOn(ada.page)).toHaveLength(2)
  const { fields = {} } = ada.page.forms.find((form) => form.fields.all) ?? {}
  expect(fields.all).toBe('yes')
  await ada.submit('/apps/disconnect', { grant: '', all: 'yes' })
  expect(ada.page.text, 'an empty name counts as none').toContain('It was disconnected already.')
  const { xsrf = '' } = fields
  const cookie = cookieOf(ada)
  const all = await server.post('/apps/disconnect', { xsrf, all: 'yes' }, { accept: 'text/html', cookie })
  expect(all.text).toContain('Everything is disconnected.')
  expect(errorOf(await code.redeem())).toEqual(invalidGrant)
  expect(errorOf(await device.poll())).toEqual(invalidGrant)
  expect(endings(server)).toHaveLength(2)
})

verifies('D18', "nobody sees or ends what somebody else approved, even with the grant's own name", async () => {
  await using server = await startAuthServer()
  const { refresh_token: token } = await logInOnDevice(server)
  const ada = await openApps(server)
  const [grant = ''] = grantsOn(ada.page)
  await logInOnDevice(server, {}, 'bob')
  const bob = await openApps(server, 'bob')
  expect(grantsOn(bob.page)).toHaveLength(1)
  expect(grantsOn(bob.page)).not.toContain(grant)
  await bob.submit('/apps/disconnect', { grant })
  expect(bob.page.text, 'the same answer as for one that never was').toContain('It was disconnected already.')
  expect(endings(server)).toEqual([])
  expect((await refresh(server, token)).status).toBe(200)
})

verifies(
  ['A13', 'D18'],
  'a form is worth nothing without its token, from another site, or for another person',
  async () => {
    await using server = await startAuthServer()
    const { refresh_token: token } = await logInOnDevice(server)
    await logInOnDevice(server, {}, 'bob')
    const ada = await openApps(server)
    const bob = await openApps(server, 'bob')
    const { fields: theirs = {} } = bob.page.forms[0] ?? {}
    const attempts = [
      () => ada.submit('/apps/disconnect', { xsrf: '' }),
      () => ada.submit('/apps/disconnect', { xsrf: theirs.xsrf ?? '' }),
      () => ada.submit('/apps/disconnect', {}, { 'sec-fetch-site': 'cross-site' }),
      () => ada.submit('/apps/disconnect', {}, { 'sec-fetch-site': 'same-site' }),
      () => ada.submit('/apps/switch', { xsrf: '' }),
    ]
    for (const attempt of attempts) {
      expect(await attempt()).toMatchObject({ status: 400, heading: pageTitle })
      expect(ada.page.text).toContain('That page was out of date. Nothing was changed.')
      expect(grantsOn(ada.page)).toHaveLength(1)
    }
    const stale = ada.openTab()
    await stale.open('/apps')
    await ada.submit('/apps/switch')
    await ada.logIn('bob')
    expect(await stale.submit('/apps/disconnect', { all: 'yes' })).toMatchObject({ status: 400, heading: pageTitle })
    expect(endings(server), 'what was shown to one person is not sent by the next').toEqual([])
    expect((await refresh(server, token)).status).toBe(200)
  },
)

test('anyone who is not signed in is led through the sign-in, whatever they ask for, and nothing is done', async () => {
  await using server = await startAuthServer()
  const { refresh_token: token } = await logInOnDevice(server)
  const ada = await openApps(server)
  const { fields = {} } = ada.page.forms[0] ?? {}
  ada.forgetCookies()
  await ada.submit('/apps/disconnect')
  expect(ada.page).toMatchObject({ heading: 'Sign in', redirects: [303, 303] })
  const bare = await server.post('/apps/disconnect', fields, { accept: 'text/html' })
  expect(bare).toMatchObject({ status: 303, headers: { location: '/apps' } })
  for (const path of ['/apps/disconnect', '/apps/switch'])
    expect((await server.get(path, { accept: 'text/html' })).headers.location, 'a GET does nothing').toBe('/apps')
  expect((await refresh(server, token)).status).toBe(200)
})

verifies(
  'U9',
  'the sign-in for this page gives the session another name, and leads here and nowhere else',
  async () => {
    await using server = await startAuthServer()
    const ada = server.openBrowser()
    await ada.open('/device')
    const before = cookieOf(ada)
    await ada.open('/apps?returnTo=https://evil.example/&return_to=//evil.example')
    await openApps(server, 'ada', ada)
    const see = async (cookie: string) => (await server.get('/apps', { accept: 'text/html', cookie })).status
    expect(before).toMatch(/^gatehouse_session=/)
    expect(await see(cookieOf(ada))).toBe(200)
    expect(await see(before), 'the name from before is nobody').toBe(303)
  },
)

verifies('A13', 'the sign-in belongs to the browser that began it, and counts once', async () => {
  await using server = await startAuthServer()
  const victim = server.openBrowser()
  await victim.open('/apps')
  const { pathname } = new URL(victim.page.url)
  const { action = '', fields = {} } = victim.page.forms.find((form) => form.action.endsWith('/login')) ?? {}
  const mallory = server.openBrowser()
  expect(await mallory.open(pathname)).toMatchObject({ status: 400, heading: 'This request has expired' })
  const answer = await server.post(action, { ...fields, name: 'mallory' }, { accept: 'text/html' })
  expect(answer.status).toBe(400)
  expect(answer.headers['set-cookie']).toBeUndefined()
  await victim.logIn('ada')
  expect(await victim.open(pathname)).toMatchObject({ status: 400, heading: 'This request has expired' })
})

test('a sign-in for this page can be cancelled, and decides nothing about apps', async () => {
  await using server = await startAuthServer()
  const ada = server.openBrowser()
  await ada.open('/apps')
  expect(ada.page.text).toContain('to see which apps and devices can use your account')
  const uid = new URL(ada.page.url).pathname
  const { fields = {} } = ada.page.forms[0] ?? {}
  const headers = { accept: 'text/html', cookie: cookieOf(ada, uid) }
  expect((await server.post(`${uid}/decision`, { ...fields, decision: 'approve' }, headers)).headers.location).toBe(uid)
  expect((await server.post(`${uid}/switch`, fields, headers)).status).toBe(400)
  expect((await server.get(uid.replace('/interaction/', '/authorize/'), headers)).status).toBe(400)
  await ada.cancel()
  expect(ada.page).toMatchObject({ status: 200, url: `${server.issuer}/` })
})

test('another account can be chosen, and takes nothing over from the one before', async () => {
  await using server = await startAuthServer()
  await logInOnDevice(server)
  const browser = await openApps(server)
  expect(grantsOn(browser.page)).toHaveLength(1)
  await browser.submit('/apps/switch')
  expect(browser.page.heading).toBe('Sign in')
  await browser.logIn('bob')
  expect(browser.page.text).toContain('Signed in as dev:bob')
  expect(grantsOn(browser.page)).toEqual([])
})

verifies('D18', 'a form that is sent twice, or by two tabs at once, ends one grant and does no harm', async () => {
  await using server = await startAuthServer()
  await logInOnDevice(server)
  const tab = await openApps(server)
  const other = tab.openTab()
  await other.open('/apps')
  const pages = await Promise.all([tab.submit('/apps/disconnect'), other.submit('/apps/disconnect')])
  expect(pages.map(({ status }) => status)).toEqual([200, 200])
  for (const page of pages) expect(page.text).toContain('disconnected')
  await logInOnDevice(server)
  await other.open('/apps')
  const third = other.openTab()
  await third.open('/apps')
  await other.submit('/apps/disconnect')
  await third.submit('/apps/disconnect')
  expect(third.page.text).toContain('It was disconnected already.')
})

verifies('D20', "a hostile name is stripped, cut and escaped here, too, and marked as nobody's", async () => {
  await using server = await startAuthServer()
  const { json } = await server.register({
    client_name: `\u202e<img src=x onerror=alert(1)>${'W'.repeat(200)}`,
    grant_types: [deviceGrant, 'refresh_token'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'none',
  })
  await logInOnDevice(server, { client_id: json.client_id ?? '' })
  const ada = await openApps(server)
  expect(ada.page.html).not.toMatch(/\u202e|<img/)
  expect(ada.page.text).toContain('Unverified app')
  await ada.submit('/apps/disconnect')
  expect(ada.page.html).not.toMatch(/\u202e|<img/)
  expect(ada.page.text).toMatch(/<img src=x onerror=alert\(1\)>W+… is disconnected/)
})

test('"Approve" that is pressed twice is one approval', async () => {
  await using server = await startAuthServer()
  const ada = server.openBrowser()
  await ada.open(authorizePath(createPkce().challenge))
  await ada.logIn('ada')
  const { action, fields } = ada.page.forms.find((form) => form.action.endsWith('/decision')) ?? {
    action: '',
    fields: {},
  }
  const headers = { accept: 'text/html', cookie: cookieOf(ada, action) }
  expect((await server.post(action, { ...fields, decision: 'approve' }, headers)).status).toBe(200)
  expect((await ada.approve()).leftTo?.searchParams.get('code')).toBeTruthy()
  await ada.open('/apps')
  expect(grantsOn(ada.page)).toHaveLength(1)
})

test('what can renew nothing any more is not listed: it is connected no longer', async () => {
  await using server = await startAuthServer()
  const { json } = await server.register({
    client_name: 'Self-made',
    grant_types: [deviceGrant, 'refresh_token'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'none',
  })
  const clientId = json.client_id ?? ''
  const { refresh_token: token } = await logInOnDevice(server, { client_id: clientId })
  await logInOnDevice(server)
  server.elapse(86_000)
  expect(grantsOn((await openApps(server)).page)).toHaveLength(2)
  const renewed = await refresh(server, token, { client_id: clientId })
  server.elapse(86_000)
  const page = (await openApps(server)).page
  expect(page.text, 'used on the way').toContain('Last used 23 hours ago')
  expect(grantsOn(page)).toHaveLength(2)
  server.elapse(1_000)
  expect(grantsOn((await openApps(server)).page)).toHaveLength(1)
  expect((await refresh(server, renewed.json.refresh_token, { client_id: clientId })).json.error).toBe('invalid_grant')
})

test('a grant of a release that kept no list is there once its app was used', async () => {
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        put: (model, id, payload, expiresIn, { accountId, ...indexes } = {}) =>
          model === 'GrantOrigin'
            ? Promise.resolve()
            : store.records.put(model, id, payload, expiresIn, {
                ...indexes,
                ...(listed && accountId && { accountId }),
              }),
      },
    }),
  })
  let listed = false
  const { refresh_token: token } = await logInOnDevice(server)
  listed = true
  const ada = await openApps(server)
  expect(grantsOn(ada.page)).toEqual([])
  const { json } = await refresh(server, token)
  await ada.open('/apps')
  expect(grantsOn(ada.page)).toHaveLength(1)
  expect(ada.page.text).toContain('Approved just now Last used just now')
  await ada.submit('/apps/disconnect')
  expect(errorOf(await refresh(server, json.refresh_token))).toEqual(invalidGrant)
})

test('a client that is gone is listed by the name it had, and can be ended', async () => {
  await using server = await startAuthServer()
  const { json } = await server.register({
    client_name: 'Self-made',
    grant_types: [deviceGrant, 'refresh_token'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: 'none',
  })
  await logInOnDevice(server, { client_id: json.client_id ?? '' })
  await server.store.records.destroy('Client', json.client_id ?? '')
  server.elapse(60)
  const ada = await openApps(server)
  expect(ada.page.text).toContain('Self-made Unverified app')
  await ada.submit('/apps/disconnect')
  expect(grantsOn(ada.page)).toEqual([])
})

test(`the approval after the ${grantsAtMost}th ends the one that was not used for longest`, async () => {
  await using server = await startAuthServer()
  const oldest = await logInOnDevice(server)
  const put = async (index: number) => {
    const jti = `grant-of-before-${index}`
    const exp = Math.floor(Date.now() / 1000) + 86_400
    const payload = { jti, kind: 'Grant', accountId: 'dev:ada', clientId: 'terminal', iat: exp - 86_400, exp }
    await server.store.records.put('Grant', jti, payload, 86_400_000, { accountId: 'dev:ada' })
  }
  server.elapse(60)
  await put(2)
  server.elapse(1)
  for (let index = 3; index < grantsAtMost; index += 1) await put(index)
  const kept = await logInOnDevice(server)
  expect((await refresh(server, oldest.refresh_token)).status).toBe(200)
  server.elapse(60)
  const ada = await openApps(server)
  expect(grantsOn(ada.page)).toHaveLength(grantsAtMost)
  await logInOnDevice(server)
  await ada.open('/apps')
  expect(grantsOn(ada.page)).toHaveLength(grantsAtMost)
  expect((await refresh(server, kept.refresh_token)).status).toBe(200)
  expect(await server.store.records.find('Grant', 'grant-of-before-2')).toBeUndefined()
})

test('anyone who may not sign in any more is led to the sign-in', async () => {
  await using server = await startAuthServer()
  const ada = await openApps(server)
  await server.store.records.destroy('Account', 'dev:ada')
  await ada.open('/apps')
  expect(ada.page.heading).toBe('Sign in')
})

test('while the store is away there is the usual page, and what broke off can be done again', async () => {
  const failing: { model?: string; revocation?: boolean } = {}
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        grantsOf: async (accountId) => {
          if (failing.model === 'Grant') throw new StoreUnavailableError()
          return store.records.grantsOf(accountId)
        },
        revokeByGrant: async (grantId) => {
          if (failing.revocation) throw new StoreUnavailableError()
          return store.records.revokeByGrant(grantId)
        },
      },
    }),
  })
  const { refresh_token: token } = await logInOnDevice(server)
  const ada = await openApps(server)
  failing.model = 'Grant'
  const away = await ada.openTab().open('/apps')
  expect(away).toMatchObject({ status: 503, heading: 'Not available right now' })
  expect(away.headers['retry-after']).toBe('1')
  failing.model = ''
  failing.revocation = true
  expect((await ada.openTab().open('/apps')).status).toBe(200)
  expect((await ada.submit('/apps/disconnect')).status).toBe(503)
  expect(errorOf(await refresh(server, token)), 'dead all the same').toEqual(invalidGrant)
  failing.revocation = false
  await ada.open('/apps')
  expect(grantsOn(ada.page)).toEqual([])
})

test('a sign-in for this page that breaks off leaves the browser what it had', async () => {
  let isFull = false
  await using server = await startAuthServer({
    wrapStore: (store) => ({
      ...store,
      records: {
        ...store.records,
        put: async (model, ...rest) => {
          if (isFull && model === 'Session') throw new StoreUnavailableError()
          return store.records.put(model, ...rest)
        },
      },
    }),
  })
  const { userCode } = await askAsDevice(server)
  const approval = server.openBrowser()
  await approval.enterCode(userCode)
  const apps = approval.openTab()
  await apps.open('/apps')
  isFull = true
  expect((await apps.logIn('ada')).status).toBe(503)
  isFull = false
  await approval.logIn('ada')
  expect(approval.page.heading).toBe('A device wants to use your account')
})

verifies('D14', 'the page has the headers of the others, and may be kept by nobody', async () => {
  await using server = await startAuthServer()
  const { headers } = (await openApps(server)).page
  expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
  expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'cache-control': 'no-store' })
})

test('visits that open a sign-in are counted by network', async () => {
  await using server = await startAuthServer()
  const visit = () => server.get('/apps', { accept: 'text/html' })
  for (let count = 0; count < 300; count += 1) expect((await visit()).status).toBe(303)
  const last = await visit()
  expect(last.status).toBe(429)
  expect(Number(last.headers['retry-after'])).toBeGreaterThan(0)
})

provesSecrecy()
