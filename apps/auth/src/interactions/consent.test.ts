import { rmSync } from 'node:fs'
import { freePort, verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { createDataDir, startAuthServer } from '../harness/auth-server.ts'
import type { Page } from '../harness/browser.ts'
import { deviceGrant, terminal, website } from '../harness/clients.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce, errorOf, loopback, obtainCode, refused } from '../harness/flows.ts'

const consentTitle = 'An app wants to use your account'
const toWebsite = { client_id: website.client_id, redirect_uri: website.redirect_uris[0] }

verifies('A16', 'the consent page shows app, scopes, server and where the answer goes', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge, { ...toWebsite, scope: 'mcp:tools:read mcp:tools:notify' }))
  const { heading, text } = await browser.logIn('ada')
  expect(heading).toBe(consentTitle)
  for (const fact of [
    'Website',
    'Added by an administrator',
    'See the list of tools',
    'Send you notifications',
    'Gatehouse MCP server',
    'http://localhost:3000/mcp',
    'You will return to app.example.com',
    'dev:ada',
  ]) {
    expect(text).toContain(fact)
  }
  expect(text).not.toContain('Run tools for you')
})

verifies(
  'A16',
  'an answer that goes to this computer is pointed out, for an app that registered itself as well',
  async () => {
    await using server = await startAuthServer()
    const { json: client } = await server.register({
      client_name: 'Helper',
      redirect_uris: [loopback],
      token_endpoint_auth_method: 'none',
    })
    for (const clientId of ['terminal', client.client_id]) {
      const browser = server.openBrowser()
      await browser.open(authorizePath(createPkce().challenge, { client_id: clientId }))
      const { text } = await browser.logIn()
      expect(text).toContain('You will return to a program on this computer')
      expect(text).toContain('Did you start this yourself just now?')
    }
  },
)

verifies('A16', 'what is shown is what the token will hold: not what the operator keeps from the client', async () => {
  const reader = { ...terminal, client_id: 'reader', scope: 'mcp:tools:read openid' }
  await using server = await startAuthServer({ clients: [reader] })
  for (const scope of ['mcp:tools:read mcp:tools:call mcp:tools:notify', 'mcp:tools:call', undefined]) {
    const browser = server.openBrowser()
    const { verifier, challenge } = createPkce()
    await browser.open(authorizePath(challenge, { client_id: reader.client_id, scope }))
    const { heading, text } = await browser.logIn('ada')
    expect([scope, heading]).toEqual([scope, consentTitle])
    expect(text).toContain('See the list of tools')
    for (const more of ['Run tools for you', 'Send you notifications']) expect(text).not.toContain(more)
    const code = (await browser.approve()).leftTo?.searchParams.get('code') ?? ''
    const { json } = await server.token({
      grant_type: 'authorization_code',
      client_id: reader.client_id,
      code,
      code_verifier: verifier,
      redirect_uri: loopback,
    })
    expect(json.scope).toBe('mcp:tools:read')
  }
  const device = await askAsDevice(server, { client_id: reader.client_id, scope: 'mcp:tools:read mcp:tools:call' })
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  const { text } = await browser.logIn()
  expect(text).toContain('See the list of tools')
  expect(text).not.toContain('Run tools for you')
  await browser.approve()
  expect((await device.poll()).json.scope).toBe('mcp:tools:read')
})

test('anyone who is not admitted any more when they approve gets no grant, and is asked to sign in', async () => {
  const dataDir = createDataDir()
  const port = await freePort()
  try {
    const first = await startAuthServer({ dataDir, port })
    const device = await askAsDevice(first)
    const [app, tv] = [first.openBrowser(), first.openBrowser()]
    await app.open(authorizePath(createPkce().challenge))
    await app.logIn()
    await tv.enterCode(device.userCode)
    await tv.logIn()
    expect([app.page.heading, tv.page.heading]).toEqual([consentTitle, 'A device wants to use your account'])
    await first[Symbol.asyncDispose]()

    const granted: string[] = []
    await using server = await startAuthServer({
      dataDir,
      port,
      environment: { AUTH_DEV_LOGIN: 'false' },
      wrapStore: (store) => ({
        ...store,
        records: {
          ...store.records,
          put: (model, ...rest) => {
            granted.push(model)
            return store.records.put(model, ...rest)
          },
        },
      }),
    })
    expect((await app.approve()).heading).toBe('Sign in')
    expect((await tv.approve()).heading).toBe('Sign in to connect a device')
    expect(granted).toContain('Interaction')
    expect(granted).not.toContain('Grant')
    const poll = await server.token({ grant_type: deviceGrant, client_id: 'terminal', device_code: device.deviceCode })
    expect(errorOf(poll)).toEqual(refused(400, 'authorization_pending'))
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
})

verifies('A14', 'every request is put to the person, however often the same one was approved', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const { json: client } = await server.register({
    client_name: 'Self-registered',
    redirect_uris: [loopback],
    token_endpoint_auth_method: 'none',
  })
  const registered = { client_id: client.client_id ?? '' }
  // the engine asks for apps on this computer by itself: the website is the one to watch
  for (const changes of [{}, registered, toWebsite]) await obtainCode(server, { browser, changes })
  for (const changes of [
    {},
    registered,
    { scope: 'mcp:tools:read' },
    { redirect_uri: 'http://localhost:1/callback' },
    { client_id: 'other-terminal' },
    toWebsite,
  ]) {
    const page = await browser.open(authorizePath(createPkce().challenge, changes), { 'sec-fetch-site': 'cross-site' })
    expect([changes, page.heading]).toEqual([changes, consentTitle])
  }
})

verifies(
  'A13',
  'a form without its secret, or with that of another request, is refused and can be sent again',
  async () => {
    await using server = await startAuthServer()
    const browser = server.openBrowser()
    await browser.open(authorizePath(createPkce().challenge))
    const other = browser.openTab()
    await other.open(authorizePath(createPkce().challenge))
    const foreign = other.page.forms[0]?.fields.xsrf ?? ''
    const { url } = browser.page
    for (const xsrf of ['', 'wrong', foreign]) {
      await browser.open(url)
      const page = await browser.submit('/login', { name: 'ada', xsrf })
      expect(page).toMatchObject({ status: 400, heading: 'This request has expired' })
    }
    await browser.open(url)
    expect((await browser.logIn()).heading).toBe(consentTitle)
  },
)

verifies('A13', 'a form that another site sends is refused, whatever it knows', async () => {
  await using server = await startAuthServer()
  for (const site of ['cross-site', 'same-site']) {
    const browser = server.openBrowser()
    await browser.open(authorizePath(createPkce().challenge))
    const page = await browser.submit(
      '/login',
      { name: 'ada' },
      { 'sec-fetch-site': site, origin: 'https://evil.example' },
    )
    expect(page.status).toBe(400)
    await browser.open(authorizePath(createPkce().challenge))
    await browser.logIn()
    expect((await browser.submit('/decision', { decision: 'approve' }, { 'sec-fetch-site': site })).status).toBe(400)
  }
})

verifies(
  'A13',
  'an answered request cannot be answered again, and its address is worth nothing in another browser',
  async () => {
    await using server = await startAuthServer()
    const browser = server.openBrowser()
    await browser.open(authorizePath(createPkce().challenge))
    await browser.logIn()
    const { url } = browser.page
    expect((await server.openBrowser().open(url)).status).toBe(400)
    const late = browser.openTab()
    await late.open(url)
    await browser.approve()
    expect(await late.approve()).toMatchObject({ status: 400, heading: 'This request has expired' })
  },
)

verifies('A13', "the cookie of one request does not open another's pages, wherever it is sent", async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const paths: string[] = []
  for (let request = 0; request < 2; request += 1) {
    await browser.open(authorizePath(createPkce().challenge))
    paths.push(new URL(browser.page.url).pathname)
  }
  const [first = '', second = ''] = paths
  const cookie = Object.entries(browser.cookies(first))
    .map((pair) => pair.join('='))
    .join('; ')
  expect((await server.get(first, { cookie, accept: 'text/html' })).status).toBe(200)
  for (const path of [second, '/interaction/made-up-by-somebody'])
    expect((await server.get(path, { cookie, accept: 'text/html' })).status).toBe(400)
})

verifies('A13', 'a request that waited for too long is gone', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge))
  server.elapse(900)
  expect(await browser.logIn()).toMatchObject({ status: 400, heading: 'This request has expired' })
})

verifies('U9', 'the session has another id after the sign-in, and the old one is worth nothing', async () => {
  await using server = await startAuthServer()
  const { userCode } = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.open('/device')
  const before = browser.cookies()
  await browser.enterCode(userCode)
  await browser.logIn()
  const after = browser.cookies()
  expect(before.gatehouse_session).toMatch(/^[\w-]{20,}$/)
  expect(after.gatehouse_session).not.toBe(before.gatehouse_session)

  const cookie = (values: Readonly<Record<string, string>>) =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${value}`)
      .join('; ')
  expect(
    (await server.openBrowser({ headers: { cookie: cookie(before) } }).open(authorizePath(createPkce().challenge)))
      .heading,
  ).toBe('Sign in')
})

verifies('A19', 'what follows a form is a 303 or a page that leads on: no form is sent twice', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const pages: Page[] = []
  const device = async () => browser.enterCode((await askAsDevice(server)).userCode)
  pages.push(await device(), await browser.cancel())
  await browser.open('/device')
  pages.push(await device(), await browser.logIn(), await browser.approve())
  await browser.open(authorizePath(createPkce().challenge))
  pages.push(await browser.switchAccount(), await browser.logIn(), await browser.refuse())
  for (const { redirects } of pages) expect([303, 200]).toContain(redirects[0])
  expect(pages.flatMap(({ redirects }) => redirects.filter((status) => status !== 200 && status !== 303))).toEqual([])
})

verifies('A18', 'pages and redirects on the way to the code say no referrer and are not kept', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  for (const page of [await browser.open(authorizePath(createPkce().challenge)), await browser.logIn()]) {
    expect(page.headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
  }
  const { leftTo, headers } = await browser.approve()
  expect(leftTo?.searchParams.get('code')).toBeTruthy()
  expect(headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
})

test('a form leads to us alone; the app is reached by a page of its own, so that its address may lead on', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge))
  const consent = await browser.logIn()
  expect(String(consent.headers['content-security-policy'])).toMatch(/form-action 'self';/)
  const { action = '', fields = {} } = consent.forms.find((form) => form.action.endsWith('/decision')) ?? {}
  const answer = await server.post(
    action,
    { ...fields, decision: 'approve' },
    {
      accept: 'text/html',
      cookie: Object.entries(browser.cookies(action))
        .map((pair) => pair.join('='))
        .join('; '),
    },
  )
  expect(answer.status).toBe(200)
  const next = /^0;url=(\/authorize\/[\w-]+)$/.exec(String(answer.headers.refresh))?.[1]
  expect(answer.text).toContain(`href="${next}"`)
})

test('"use another account" on a consent page ends in a code for the new account', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const { verifier, challenge } = createPkce()
  await browser.open(authorizePath(challenge))
  await browser.logIn('ada')
  await browser.switchAccount()
  await browser.logIn('bob')
  const code = (await browser.approve()).leftTo?.searchParams.get('code') ?? ''
  const { json } = await server.token({
    grant_type: 'authorization_code',
    client_id: 'terminal',
    code,
    code_verifier: verifier,
    redirect_uri: loopback,
  })
  expect(decodeJwt(json.access_token ?? '').sub).toBe('dev:bob')
})

test('prompt=login asks somebody who is signed in to sign in again, as somebody else if they like', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await obtainCode(server, { browser, name: 'ada' })
  expect((await browser.open(authorizePath(createPkce().challenge, { prompt: 'login' }))).heading).toBe('Sign in')
  expect((await browser.logIn('bob')).text).toContain('dev:bob')
  expect((await browser.approve()).leftTo?.searchParams.get('code')).toBeTruthy()
})

provesSecrecy()
