// Several logins at once: a button each, and anyone who comes back by one is a person of that one, by its subject, its name
// and its own word on which addresses count.
import { createFakeGitHub, createFakeOpenIdProvider, verifies } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Browser, Page } from '../harness/browser.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice } from '../harness/flows.ts'

const approval = 'A device wants to use your account'

type Id = 'github' | 'oidc' | 'oidc-partner-ltd'
let fakes: Awaited<ReturnType<typeof createFakes>>
let server: AuthServer

async function createFakes() {
  return {
    github: await createFakeGitHub(),
    corp: await createFakeOpenIdProvider(),
    partner: await createFakeOpenIdProvider(),
  }
}

beforeEach(async () => {
  fakes = await createFakes()
})
afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  for (const fake of Object.values(fakes)) {
    evidence.plant('upstream client_secret', fake.clientSecret)
    await fake[Symbol.asyncDispose]()
  }
})

/** Each of the two OpenID providers with settings of its own. */
async function start({
  corp = {},
  partner = {},
  ...environment
}: Record<string, Record<string, string> | string> = {}) {
  const settingsOf = (fake: (typeof fakes)['corp'], label: string) => ({
    OIDC_ISSUER: fake.issuer,
    OIDC_CLIENT_ID: fake.clientId,
    OIDC_CLIENT_SECRET: fake.clientSecret,
    OIDC_LABEL: label,
  })
  server = await startAuthServer({
    environment: {
      AUTH_DEV_LOGIN: 'false',
      GITHUB_CLIENT_ID: fakes.github.clientId,
      GITHUB_CLIENT_SECRET: fakes.github.clientSecret,
      GITHUB_URL: fakes.github.url,
      GITHUB_API_URL: fakes.github.apiUrl,
      ...settingsOf(fakes.corp, 'Example Corp.'),
      ...(corp as Record<string, string>),
      OIDC_PROVIDERS: JSON.stringify([{ ...settingsOf(fakes.partner, 'Partner Ltd.'), ...(partner as object) }]),
      ...(environment as Record<string, string>),
    },
  })
}

async function deviceAtLogin() {
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  return { device, browser }
}

const buttons = ({ html }: Page) =>
  [...html.matchAll(/href="\/interaction\/[^"]+\/login\/([\w-]+)"[^>]*>(.*?)<\/a>/gs)].map(([, id, text = '']) => [
    id,
    /Continue with .+/.exec(text.replaceAll(/<[^>]+>/g, ''))?.[0]?.trim(),
  ])

/** Presses the button, chooses an account at the other server, and comes back. */
async function signIn(browser: Browser, id: Id, user: string): Promise<Page> {
  const href = new RegExp(`href="(/interaction/[^"]+/login/${id})"`).exec(browser.page.html)?.[1]
  const { leftTo: authorize } = await browser.open(href ?? `/no-button-for-${id}`)
  if (!authorize) throw new Error(`the browser was not sent to ${id}`)
  expect(authorize.searchParams.get('redirect_uri')).toBe(`${server.issuer}/login/${id}/callback`)
  const body = new URLSearchParams([...authorize.searchParams, ['user', user], ['login', user]])
  const response = await fetch(authorize.origin + authorize.pathname, { method: 'POST', body, redirect: 'manual' })
  const callback = new URL(response.headers.get('location') ?? '')
  evidence.plant('upstream code', callback.searchParams.get('code'))
  return browser.open(callback.href, { 'sec-fetch-site': 'cross-site' })
}

test('each login has its button, and comes back with its own subject and name', async () => {
  await start()
  const { browser } = await deviceAtLogin()
  expect(buttons(browser.page)).toEqual([
    ['github', 'Continue with GitHub'],
    ['oidc', 'Continue with Example Corp.'],
    ['oidc-partner-ltd', 'Continue with Partner Ltd.'],
  ])
  // one `sub` at both providers is two people
  const people: readonly (readonly [Id, user: string, subject: string, label: string])[] = [
    ['github', 'octocat', 'github:583231', 'octocat'],
    ['oidc', 'ada', 'oidc:example-corp:248289761001', 'ada@example.com'],
    ['oidc-partner-ltd', 'ada', 'oidc:partner-ltd:248289761001', 'ada@example.com'],
    ['oidc-partner-ltd', 'bob', 'oidc:partner-ltd:bob', 'bob@example.org'],
  ]
  for (const [id, user, subject, label] of people) {
    const { device, browser: own } = await deviceAtLogin()
    const page = await signIn(own, id, user)
    expect([id, page.heading]).toEqual([id, approval])
    expect(page.text).toContain(label)
    await own.approve()
    expect(decodeJwt((await device.poll()).json.access_token ?? '').sub).toBe(subject)
  }
})

test('who changes the login is another person, and each sees the apps of their own alone', async () => {
  await start()
  const { device, browser } = await deviceAtLogin()
  await signIn(browser, 'oidc', 'ada')
  await browser.switchAccount()
  await signIn(browser, 'github', 'octocat')
  await browser.approve()
  expect(decodeJwt((await device.poll()).json.access_token ?? '').sub).toBe('github:583231')
  await browser.open('/apps')
  expect(browser.page.text).toContain('octocat')
  expect(browser.page.text).toContain('Terminal')
  const { browser: other } = await deviceAtLogin()
  await signIn(other, 'oidc', 'ada')
  await other.open('/apps')
  expect(other.page.text).toContain('ada@example.com')
  expect(other.page.text).not.toContain('Terminal')
})

verifies('N11', 'an allowed domain is judged by what each provider, and no other, counts as an address', async () => {
  const claims: Readonly<Record<string, object>> = {
    'not said': { email: 'a@example.com' },
    denied: { email: 'a@example.com', email_verified: false },
    verified: { email: 'a@example.com', email_verified: true },
    'another domain': { email: 'a@example.org', email_verified: true },
  }
  for (const fake of [fakes.corp, fakes.partner])
    for (const [user, said] of Object.entries(claims))
      fake.users.set(user, { sub: user, claims: said as Readonly<Record<string, unknown>> })

  const admitted = async () => {
    const found: string[] = []
    for (const id of ['oidc', 'oidc-partner-ltd'] as const)
      for (const user of Object.keys(claims)) {
        const { browser } = await deviceAtLogin()
        const { heading, status } = await signIn(browser, id, user)
        expect([id, user, status]).toEqual([id, user, heading === approval ? 200 : 403])
        if (heading === approval) found.push(`${id}: ${user}`)
      }
    return found
  }

  await start({ ALLOWED_EMAIL_DOMAINS: 'example.com', partner: { OIDC_EMAILS: 'any' } })
  expect(await admitted()).toEqual(['oidc: verified', 'oidc-partner-ltd: not said', 'oidc-partner-ltd: verified'])
  // GitHub has its own word on it
  for (const [login, heading] of [['octocat', approval] as const, ['mona', 'Sign in to connect a device'] as const]) {
    const { browser } = await deviceAtLogin()
    expect((await signIn(browser, 'github', login)).heading).toBe(heading)
  }
  await server[Symbol.asyncDispose]()

  await start({ ALLOWED_EMAIL_DOMAINS: 'example.com', corp: { OIDC_EMAILS: 'any' } })
  expect(await admitted()).toEqual(['oidc: not said', 'oidc: verified', 'oidc-partner-ltd: verified'])
})

provesSecrecy()
