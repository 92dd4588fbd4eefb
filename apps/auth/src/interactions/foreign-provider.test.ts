// Sign-in at an OpenID provider that other people wrote: Better Auth with its OAuth provider plugin, run here as a site
// would run it. The pages are the site's, so they are ours; the protocol, the keys, the sessions and the people are theirs.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { oauthProvider } from '@better-auth/oauth-provider'
import { verifies } from '@gatehouse/testing'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getAuthTables } from 'better-auth/db'
import { toNodeHandler } from 'better-auth/node'
import { jwt } from 'better-auth/plugins'
import { decodeJwt } from 'jose'
import { expect } from 'vitest'
import { findFreePort, startAuthServer } from '../suites/auth-server.ts'
import { createBrowser } from '../suites/browser.ts'
import { evidence, provesSecrecy } from '../suites/evidence.ts'
import { askAsDevice } from '../suites/flows.ts'
import { createHttp } from '../suites/http.ts'

const ada = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'a password of a person' }
const operator = { name: 'Operator', email: 'operator@example.com', password: 'a password of an operator' }

/** A site with accounts, of which we are a registered client. */
async function startSite(redirectUri: string) {
  const server = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { auth, tables } = openBetterAuth(origin)
  const person = (email: string) => tables.user?.find((user) => user.email === email)
  const send = (endpoint: string, body: object, cookie = '') =>
    auth.handler(
      new Request(`${origin}/api/auth${endpoint}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin, cookie },
        body: JSON.stringify(body),
      }),
    )

  const page = (fields: string) => `<!doctype html><h1>Example site</h1><form method="post" action="">${fields}</form>`
  const pages: Readonly<Record<string, { readonly html: string; readonly endpoint: string }>> = {
    '/sign-in': { html: page('<input name="email"><input name="password">'), endpoint: '/sign-in/email' },
    '/consent': { html: page('<button name="accept" value="true">Allow</button>'), endpoint: '/oauth2/consent' },
  }
  /** A page of the site: what its form says goes to Better Auth together with the request that Better Auth signed. */
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const { pathname, search } = new URL(request.url ?? '/', origin)
    const known = pages[pathname]
    if (!known) return toNodeHandler(auth)(request, response)
    if (request.method === 'GET') return response.setHeader('content-type', 'text/html').end(known.html)
    const { accept, ...fields } = Object.fromEntries(new URLSearchParams(await text(request)))
    const body = { ...fields, ...(accept && { accept: true }), oauth_query: search.slice(1) }
    const answer = await send(known.endpoint, body, request.headers.cookie)
    const { url, redirect_uri: target = url } = (await answer.json()) as Record<string, string | undefined>
    if (!target) return response.writeHead(answer.status).end()
    return response.writeHead(303, { location: target, 'set-cookie': answer.headers.getSetCookie() }).end()
  }

  await send('/sign-up/email', ada)
  const signedUp = await send('/sign-up/email', operator)
  const cookie = signedUp.headers.getSetCookie().map((set) => set.split(';')[0])
  // it allows redirects to this machine to native clients alone
  const registration = { redirect_uris: [redirectUri], scope: 'openid email', application_type: 'native' }
  const registered = await send('/oauth2/create-client', registration, cookie.join('; '))
  const client = (await registered.json()) as { readonly client_id: string; readonly client_secret: string }
  return {
    issuer: `${origin}/api/auth`,
    client,
    idOf: (email: string) => person(email)?.id,
    verifyEmail: (email: string) => Object.assign(person(email) ?? {}, { emailVerified: true }),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

function openBetterAuth(origin: string) {
  const pages = { loginPage: '/sign-in', consentPage: '/consent' }
  const plugins = [jwt({ jwks: { keyPairConfig: { alg: 'RS256' } } }), oauthProvider(pages)]
  const options: BetterAuthOptions = {
    baseURL: origin,
    secret: 'q7Jx0vT2mZ9bR4kW8nY1cP5sD3fH6gLa',
    telemetry: { enabled: false },
    emailAndPassword: { enabled: true },
    // its types are not made for exactOptionalPropertyTypes
    plugins: plugins as unknown as NonNullable<BetterAuthOptions['plugins']>,
  }
  const names = Object.values(getAuthTables(options)).map(({ modelName }) => modelName)
  const tables: Record<string, Record<string, unknown>[]> = Object.fromEntries(names.map((name) => [name, []]))
  return { auth: betterAuth({ ...options, database: memoryAdapter(tables) }), tables }
}

verifies(
  ['U5', 'N11'],
  "a login through somebody else's OpenID provider ends in our token for oidc:<label>:<sub>",
  async () => {
    const port = await findFreePort()
    await using site = await startSite(`http://localhost:${port}/login/oidc/callback`)
    evidence.plant('upstream client_secret', site.client.client_secret)
    await using server = await startAuthServer({
      port,
      environment: {
        AUTH_DEV_LOGIN: 'false',
        OIDC_ISSUER: site.issuer,
        OIDC_CLIENT_ID: site.client.client_id,
        OIDC_CLIENT_SECRET: site.client.client_secret,
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
    expect(await atSite.submit('', { email: ada.email, password: 'not hers' })).toMatchObject({ status: 401 })
    await leave()
    await atSite.submit('', { email: ada.email, password: ada.password })
    expect(new URL(atSite.page.url).pathname).toBe('/consent')
    await atSite.submit('', { accept: 'true' })
    expect(await comeBack(), 'the site does not say that the address is verified').toMatchObject({ status: 403 })

    site.verifyEmail(ada.email)
    await leave()
    const page = await comeBack()
    expect(page.heading).toBe('A device wants to use your account')
    expect(page.text).toContain(`Signed in as ${ada.email}`)
    await browser.approve()
    const { sub } = decodeJwt((await device.poll()).json.access_token ?? '')
    expect(sub).toBe(`oidc:example-site:${site.idOf(ada.email)}`)
  },
)

provesSecrecy()
