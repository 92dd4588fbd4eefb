// Sign-in at an OpenID provider that other people wrote: Better Auth.
import { verifies } from '@gatehouse/testing'
import { openBetterAuthSite } from '@gatehouse/testing/better-auth-site'
import { decodeJwt } from 'jose'
import { expect } from 'vitest'
import { findFreePort, startAuthServer } from '../suites/auth-server.ts'
import { createBrowser } from '../suites/browser.ts'
import { evidence, provesSecrecy } from '../suites/evidence.ts'
import { askAsDevice } from '../suites/flows.ts'
import { createHttp } from '../suites/http.ts'

verifies(
  ['U5', 'N11'],
  "a login through somebody else's OpenID provider ends in our token for oidc:<label>:<sub>",
  async () => {
    const port = await findFreePort()
    await using site = await openBetterAuthSite(`http://localhost:${port}/login/oidc/callback`)
    evidence.plant('upstream client_secret', site.clientSecret)
    await using server = await startAuthServer({
      port,
      environment: {
        AUTH_DEV_LOGIN: 'false',
        OIDC_ISSUER: site.issuer,
        OIDC_CLIENT_ID: site.clientId,
        OIDC_CLIENT_SECRET: site.clientSecret,
        OIDC_LABEL: 'Example site',
        ALLOWED_EMAIL_DOMAINS: 'example.com',
      },
    })
    const device = await askAsDevice(server)
    const browser = server.openBrowser()
    await browser.enterCode(device.userCode)
    expect(browser.page.text).toContain('Continue with Example site')

    const { origin, host, port: sitePort } = new URL(site.issuer)
    using http = createHttp(Number(sitePort), host)
    const atSite = createBrowser({ issuer: origin, http, headers: {} })
    const leave = async () => {
      const button = /href="([^"]+\/login\/oidc)"/.exec(browser.page.html)?.[1] ?? ''
      return atSite.open(String((await browser.open(button)).leftTo))
    }
    const comeBack = () => browser.open(String(atSite.page.leftTo), { 'sec-fetch-site': 'cross-site' })

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
    const { sub } = decodeJwt((await device.poll()).json.access_token ?? '')
    expect(sub).toBe(`oidc:example-site:${site.person.id}`)
  },
)

provesSecrecy()
