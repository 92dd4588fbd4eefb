// Sign-in at an OpenID provider that other people wrote: Better Auth.
import { freePort, verifies } from '@gatehouse/testing'
import { openBetterAuthSite } from '@gatehouse/testing/better-auth-site'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { createBrowser } from '../harness/browser.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, refresh } from '../harness/flows.ts'
import { createHttp } from '../harness/http.ts'

/** A device that waits, its person on our sign-in page, and at the site in the same browser. `scope` is what we are registered for. */
async function arrive(scope?: string) {
  await using opened = new AsyncDisposableStack()
  const port = await freePort()
  const site = opened.use(await openBetterAuthSite(`http://localhost:${port}/login/oidc/callback`, scope))
  evidence.plant('upstream client_secret', site.clientSecret)
  const server = opened.use(
    await startAuthServer({
      port,
      environment: {
        AUTH_DEV_LOGIN: 'false',
        OIDC_ISSUER: site.issuer,
        OIDC_CLIENT_ID: site.clientId,
        OIDC_CLIENT_SECRET: site.clientSecret,
        OIDC_LABEL: 'Example site',
        ALLOWED_EMAIL_DOMAINS: 'example.com',
      },
    }),
  )
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  expect(browser.page.text).toContain('Continue with Example site')
  const { origin, host, port: sitePort } = new URL(site.issuer)
  const atSite = createBrowser({
    issuer: origin,
    http: opened.use(createHttp(Number(sitePort), host)),
    headers: {},
  })
  const button = /href="([^"]+\/login\/oidc)"/.exec(browser.page.html)?.[1] ?? ''
  const comeBack = () => browser.open(String(atSite.page.leftTo), { 'sec-fetch-site': 'cross-site' })
  const owned = opened.move()
  return {
    site,
    server,
    device,
    browser,
    atSite,
    leave: async () => atSite.open(String((await browser.open(button)).leftTo)),
    comeBack,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

verifies(
  ['U5', 'N11'],
  "a login through somebody else's OpenID provider ends in our token for oidc:<label>:<sub>",
  async () => {
    await using world = await arrive('openid email offline_access')
    const { site, server, device, browser, atSite, leave, comeBack } = world
    expect(new URL((await leave()).url).pathname).toBe('/sign-in')
    expect(await atSite.submit('', { email: site.person.email, password: 'not hers' })).toMatchObject({ status: 401 })
    await leave()
    await atSite.submit('', { email: site.person.email, password: site.person.password })
    expect(new URL(atSite.page.url).pathname).toBe('/consent')
    await atSite.submit('', { accept: 'true' })
    expect(await comeBack(), 'the site does not say that the address is verified').toMatchObject({ status: 403 })

    site.verifyEmail()
    await leave()
    const page = await comeBack()
    expect(page.heading).toBe('A device wants to use your account')
    expect(page.text).toContain(`Signed in as ${site.person.email}`)
    await browser.approve()
    const tokens = (await device.poll()).json
    expect(decodeJwt(tokens.access_token ?? '').sub).toBe(`oidc:example-site:${site.person.id}`)

    // asked again within the hour, by refresh tokens that are good once: what it says now counts
    let token = tokens.refresh_token
    for (let hours = 0; hours < 3; hours += 1) {
      server.elapse(3_000)
      const renewed = await refresh(server, token)
      expect(renewed.status, renewed.text).toBe(200)
      token = renewed.json.refresh_token
    }
    site.verifyEmail(false)
    server.elapse(3_000)
    expect((await refresh(server, token)).status).toBe(400)
  },
)

test('a provider that allows us no refresh token is asked for a sign-in alone, and what it says counts for a day', async () => {
  await using world = await arrive('openid email')
  const { site, server, device, browser, atSite, leave, comeBack } = world
  site.verifyEmail()
  await leave()
  expect(atSite.page.leftTo?.searchParams.get('error')).toBe('invalid_scope')
  await atSite.open(String((await comeBack()).leftTo))
  expect(server.log()).toContain('offline_access is not allowed to us')
  await atSite.submit('', { email: site.person.email, password: site.person.password })
  await atSite.submit('', { accept: 'true' })
  expect((await comeBack()).heading).toBe('A device wants to use your account')
  await browser.approve()
  const { json } = await device.poll()
  server.elapse(86_390)
  const renewed = await refresh(server, json.refresh_token)
  expect(renewed.status, renewed.text).toBe(200)
  server.elapse(11)
  expect((await refresh(server, renewed.json.refresh_token)).status).toBe(400)
  expect(server.log()).toContain('no token to ask again with')
})

provesSecrecy()
