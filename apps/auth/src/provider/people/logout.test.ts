import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import { staticClients, website } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { authorizePath, createPkce, loopback, obtainCode, refresh } from '../../harness/flows.ts'

const afterwards = 'https://app.example.com/signed-out'
const clients = staticClients.map((client) =>
  client.client_id === website.client_id ? { ...client, post_logout_redirect_uris: [afterwards] } : client,
)
const start = () => startAuthServer({ clients })

// as Chromium sends it with a link and with a form
const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

const signedIn = async (server: AuthServer) => {
  const browser = server.openBrowser({ headers: navigation })
  const { redeem } = await obtainCode(server, { browser, changes: { scope: 'openid mcp:tools:read' } })
  return { browser, tokens: (await redeem()).json }
}
const logoutPath = (parameters: Readonly<Record<string, string>> = {}) => `/logout?${new URLSearchParams(parameters)}`
const isSignedIn = async (browser: ReturnType<AuthServer['openBrowser']>) =>
  (await browser.openTab().open(authorizePath(createPkce().challenge))).heading !== 'Sign in'

test('a person is asked, is signed out in this browser, and is told so; what they approved stays', async () => {
  await using server = await start()
  const { browser, tokens } = await signedIn(server)
  const page = await browser.open(logoutPath())
  expect([page.status, page.heading]).toEqual([200, 'Sign out here, too?'])
  expect(page.text).toContain('dev:ada')
  expect(page.headers['content-security-policy']).toContain("frame-ancestors 'none'")
  expect(page.html).not.toContain('<script')
  expect(await isSignedIn(browser), 'asking is not signing out').toBe(true)

  const done = await browser.submit('/logout/confirm', { logout: 'yes' })
  expect([done.status, done.heading]).toEqual([200, 'You are signed out'])
  expect(await isSignedIn(browser)).toBe(false)
  expect((await refresh(server, tokens.refresh_token)).status).toBe(200)
})

test('an app that says who it is gets the person back at the address it registered, with its state', async () => {
  await using server = await start()
  const { browser } = await signedIn(server)
  const { redeem } = await obtainCode(server, {
    browser,
    changes: { client_id: website.client_id, redirect_uri: website.redirect_uris[0], scope: 'openid' },
  })
  const basicAuth = Buffer.from(`${website.client_id}:${website.client_secret}`).toString('base64')
  const { json } = await redeem({}, { authorization: `Basic ${basicAuth}` })
  const page = await browser.open(
    logoutPath({ id_token_hint: json.id_token ?? '', post_logout_redirect_uri: afterwards, state: 'x y' }),
  )
  expect(page.text).toMatch(/Website\s+Added by an administrator/)
  expect(page.text).toContain('You will return to app.example.com')
  const { leftTo, status } = await browser.submit('/logout/confirm', { logout: 'yes' })
  expect([status, leftTo?.href]).toEqual([200, `${afterwards}?state=x+y`])
  expect(await isSignedIn(browser)).toBe(false)
})

verifies('A17', 'after a sign-out nobody is sent to an address that is not registered to the letter', async () => {
  await using server = await start()
  const registered = await server.register({
    redirect_uris: [loopback],
    post_logout_redirect_uris: ['http://127.0.0.1:8917/out'],
    token_endpoint_auth_method: 'none',
  })
  expect(registered.json.post_logout_redirect_uris).toEqual(['http://127.0.0.1:8917/out'])
  const own = registered.json.client_id ?? ''
  for (const [client, uri] of [
    [website.client_id, `${afterwards}/`],
    [website.client_id, `${afterwards}?a=b`],
    [website.client_id, 'https://app.example.com.evil.example/signed-out'],
    [website.client_id, website.redirect_uris[0]],
    [own, 'http://127.0.0.1:9999/out'],
    [own, 'http://localhost:8917/out'],
  ] as const) {
    const { browser } = await signedIn(server)
    const page = await browser.open(logoutPath({ client_id: client, post_logout_redirect_uri: uri }))
    expect([uri, page.status, page.leftTo]).toEqual([uri, 400, undefined])
    expect(page.text).toContain('not registered')
  }
  const { browser } = await signedIn(server)
  const nobody = await browser.open(logoutPath({ post_logout_redirect_uri: 'https://evil.example/' }))
  expect(nobody.text).not.toContain('evil.example')
  expect((await browser.submit('/logout/confirm', { logout: 'yes' })).heading).toBe('You are signed out')
})

verifies(
  'A17',
  'anyone who is not signed in is not sent on by itself: the page names the host and has the way on',
  async () => {
    await using server = await start()
    const browser = server.openBrowser()
    const page = await browser.open(
      logoutPath({ client_id: website.client_id, post_logout_redirect_uri: afterwards, state: 's' }),
    )
    expect([page.status, page.heading, page.leftTo]).toEqual([200, 'You are signed out', undefined])
    expect(page.text).toContain('Back to app.example.com')
    expect(page.html).toContain(`href="${afterwards}?state=s"`)
    expect(page.html).not.toContain('<script')
  },
)

test('another site cannot sign anybody out, and a form of another site is asked about like a link', async () => {
  await using server = await start()
  const { browser } = await signedIn(server)
  await browser.open(logoutPath())
  const forged = await browser.openTab().open('/')
  expect(forged.status).toBe(200)
  const crossSite = await browser.submit('/logout/confirm', { logout: 'yes' }, { 'sec-fetch-site': 'cross-site' })
  expect(crossSite.status).toBe(400)
  await browser.open(logoutPath())
  const wrong = await browser.submit('/logout/confirm', { logout: 'yes', xsrf: 'guessed' })
  expect(wrong.status).toBe(400)
  expect(await isSignedIn(browser)).toBe(true)

  const posted = await server.post('/logout', { client_id: website.client_id, state: 'a b' })
  expect([posted.status, posted.headers.location]).toEqual([303, '/logout?client_id=website&state=a+b'])
})

test('what is no address to send people to is not registered, and garbage is an error page', async () => {
  await using server = await start()
  for (const uri of ['javascript:alert(1)', 'http://app.example.com/out', 'https://app.example.com/#out', 'out', 7]) {
    const answer = await server.register({ redirect_uris: [loopback], post_logout_redirect_uris: [uri] })
    expect([uri, answer.status]).toEqual([uri, 400])
  }
  for (const parameters of [{ id_token_hint: 'x' }, { client_id: 'nobody' }] as const) {
    const page = await server.openBrowser().open(logoutPath(parameters as unknown as Record<string, string>))
    expect([parameters, page.status]).toEqual([parameters, 400])
  }
})

provesSecrecy()
