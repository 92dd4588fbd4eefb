// Sign-in through Google and through any other OpenID provider, against fakes of them: whose answer it is, what an ID token
// must be, who may enter, and that the person can try again whatever the provider does.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createFakeGitHub,
  createFakeOpenIdProvider,
  type FakeOpenIdEndpoint,
  type FakeOpenIdFault,
  type FakeOpenIdProvider,
  freePort,
  verifies,
} from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFactNeeds } from '../accounts/fact-needs.ts'
import { readConfig } from '../config.ts'
import { ConfigError } from '../errors.ts'
import { type AuthServer, createDataDir, startAuthServer } from '../harness/auth-server.ts'
import type { Browser, Page } from '../harness/browser.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, refresh } from '../harness/flows.ts'
import { createLogins, describeLogin } from '../logins/index.ts'

const approval = 'A device wants to use your account'
const signInTitle = 'Sign in to connect a device'

type Id = 'google' | 'oidc'
let providers: Readonly<Record<Id, FakeOpenIdProvider>>
let server: AuthServer

beforeEach(async () => {
  providers = { google: await createFakeOpenIdProvider(), oidc: await createFakeOpenIdProvider() }
})
afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  for (const provider of Object.values(providers)) {
    for (const token of provider.issued) evidence.plant('upstream token', token)
    evidence.plant('upstream client_secret', provider.clientSecret)
    await provider[Symbol.asyncDispose]()
  }
})

const environment = () => ({
  AUTH_DEV_LOGIN: 'false',
  GOOGLE_CLIENT_ID: providers.google.clientId,
  GOOGLE_CLIENT_SECRET: providers.google.clientSecret,
  GOOGLE_ISSUER: providers.google.issuer,
  OIDC_CLIENT_ID: providers.oidc.clientId,
  OIDC_CLIENT_SECRET: providers.oidc.clientSecret,
  OIDC_ISSUER: providers.oidc.issuer,
  OIDC_LABEL: 'Example Corp.',
})

const start = async (changes: Readonly<Record<string, string>> = {}) => {
  server = await startAuthServer({ environment: { ...environment(), ...changes } })
}

async function deviceAtLogin() {
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  return { device, browser }
}

/** Presses the button of our sign-in page. */
async function choose(browser: Browser, id: Id): Promise<Page> {
  const href = new RegExp(`href="(/interaction/[^"]+/login/${id})"`).exec(browser.page.html)?.[1]
  return browser.open(href ?? `/no-button-for-${id}`)
}

/** From our sign-in page to the provider's; returns where our server sent the browser. */
async function goTo(browser: Browser, id: Id): Promise<URL> {
  const { leftTo, text } = await choose(browser, id)
  if (!leftTo) throw new Error(`the browser was not sent to ${id}: ${text}`)
  return leftTo
}

/** The person decides on the provider's page; returns the callback that the provider sends the browser to. */
async function decide(authorize: URL, user: string): Promise<URL> {
  const body = new URLSearchParams([...authorize.searchParams, ['user', user]])
  const response = await fetch(authorize.origin + authorize.pathname, { method: 'POST', body, redirect: 'manual' })
  const callback = new URL(response.headers.get('location') ?? '')
  evidence.plant('upstream code', callback.searchParams.get('code'))
  return callback
}

const comeBack = (browser: Browser, callback: URL | string) =>
  browser.open(String(callback), { 'sec-fetch-site': 'cross-site' })

async function signIn(browser: Browser, id: Id, user: string): Promise<Page> {
  return comeBack(browser, await decide(await goTo(browser, id), user))
}

/** Signs in on a device, from the beginning to the token; returns its subject. */
async function subjectOf(id: Id, user: string): Promise<string | undefined> {
  const { device, browser } = await deviceAtLogin()
  expect(await signIn(browser, id, user)).toMatchObject({ heading: approval })
  await browser.approve()
  return decodeJwt((await device.poll()).json.access_token ?? '').sub
}

describe('a login', () => {
  test('through Google ends with tokens for google:<sub>', async () => {
    await start()
    const { device, browser } = await deviceAtLogin()
    const { searchParams } = await goTo(browser, 'google')
    expect(Object.fromEntries(searchParams)).toMatchObject({
      client_id: 'gatehouse',
      response_type: 'code',
      redirect_uri: `${server.issuer}/login/google/callback`,
      scope: 'openid email',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{20,}$/),
    })
    const page = await signIn(await reopened(browser), 'google', 'ada')
    expect(page.heading).toBe(approval)
    expect(page.text).toContain('ada@example.com')
    await browser.approve()
    expect(decodeJwt((await device.poll()).json.access_token ?? '').sub).toBe('google:248289761001')
  })

  test('through another provider ends with tokens for oidc:<its label>:<sub>, the sub as it is', async () => {
    await start()
    expect(await subjectOf('oidc', 'ada')).toBe('oidc:example-corp:248289761001')
    const odd = 'auth0|Ünïcode 😀:'.padEnd(255, 'x')
    providers.oidc.users.set('odd', { sub: odd })
    expect(await subjectOf('oidc', 'odd')).toBe(`oidc:example-corp:${odd}`)
  })

  test('of each provider has its own button and its own callback, all at once', async () => {
    await using github = await createFakeGitHub()
    const { clientId, clientSecret, url, apiUrl } = github
    await start({
      GITHUB_CLIENT_ID: clientId,
      GITHUB_CLIENT_SECRET: clientSecret,
      GITHUB_URL: url,
      GITHUB_API_URL: apiUrl,
    })
    const { browser } = await deviceAtLogin()
    for (const label of ['GitHub', 'Google', 'Example Corp.'])
      expect(browser.page.text).toContain(`Continue with ${label}`)
    for (const id of ['google', 'oidc'] as const)
      expect((await goTo(await reopened(browser), id)).searchParams.get('redirect_uri')).toBe(
        `${server.issuer}/login/${id}/callback`,
      )
  })

  test('asks Google which account; another provider is not asked, whatever it says it can', async () => {
    providers.oidc.metadata = { prompt_values_supported: ['none', 'login', 'select_account'] }
    await start()
    const promptAt = async (id: 'google' | 'oidc') =>
      (await goTo((await deviceAtLogin()).browser, id)).searchParams.get('prompt')
    expect(await promptAt('google')).toBe('select_account')
    expect(await promptAt('oidc')).toBeNull()
  })

  test('shows the host of the issuer where no label is given, and takes it into the subject', async () => {
    await start({ OIDC_LABEL: '' })
    const { host } = new URL(providers.oidc.issuer)
    const { browser } = await deviceAtLogin()
    expect(browser.page.text).toContain(`Continue with ${host}`)
    expect(await subjectOf('oidc', 'bob')).toBe(`oidc:${host.replace(/[.:]/g, '-')}:bob`)
  })

  test('works with a provider that takes the secret in the body alone, and with one that offers no e-mail', async () => {
    await start()
    providers.google.metadata = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    expect(await subjectOf('google', 'bob')).toBe('google:bob')
    providers.oidc.metadata = { scopes_supported: ['openid', 'profile'] }
    providers.oidc.users.set('carol', { sub: 'carol', claims: { name: 'Carol' } })
    const { browser } = await deviceAtLogin()
    const authorize = await goTo(browser, 'oidc')
    expect(authorize.searchParams.get('scope')).toBe('openid profile')
    expect((await comeBack(browser, await decide(authorize, 'carol'))).text).toContain('Carol')
  })

  verifies(
    'U7',
    "nothing of the provider's is kept that rules do not need: no token, and of the person only what apps may be told",
    async () => {
      await start()
      const { browser } = await deviceAtLogin()
      await signIn(browser, 'google', 'ada')
      expect((await server.store.records.find('Account', 'google:248289761001'))?.payload).toEqual({
        subject: 'google:248289761001',
        label: 'ada@example.com',
        profile: { name: expect.any(String) },
        facts: { checkedAt: Date.now(), email: 'ada@example.com' },
      })
    },
  )
})

describe('the answer of a provider', () => {
  verifies('U1', 'is good once, in the browser that asked', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    for (const callback of ['?code=abc', '?code=abc&state=aaaaaaaaaaaaaaaaaaaaaaaa'])
      expect((await comeBack(browser, `/login/google/callback${callback}`)).status).toBe(400)
    const attacker = await deviceAtLogin()
    const foreign = await decide(await goTo(attacker.browser, 'google'), 'bob')
    const victim = server.openBrowser()
    expect((await comeBack(victim, foreign)).status).toBe(400)
    expect(victim.cookies()).toEqual({})
    expect((await comeBack(attacker.browser, foreign)).heading).toBe(approval)
    expect((await comeBack(attacker.browser, foreign)).status).toBe(400)
  })

  verifies('U2', "with a code of somebody else's request is refused: the verifier is not theirs", async () => {
    await start()
    const [victim, attacker] = [await deviceAtLogin(), await deviceAtLogin()]
    const ours = await decide(await goTo(victim.browser, 'google'), 'ada')
    const theirs = await decide(await goTo(attacker.browser, 'google'), 'bob')
    ours.searchParams.set('code', theirs.searchParams.get('code') ?? '')
    expect(await comeBack(victim.browser, ours)).toMatchObject({ status: 502, heading: signInTitle })
    expect(lastReason()).toBe('Google, token: invalid_grant')
  })

  verifies('U3', 'is worth nothing at the callback of another provider, begun there or not', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    const misdirected = (callback: URL) => new URL(callback.href.replace('/login/oidc/', '/login/google/'))
    const first = await decide(await goTo(browser, 'oidc'), 'bob')
    expect((await comeBack(browser, misdirected(first))).status).toBe(400)

    await goTo(await reopened(browser), 'google')
    const second = await decide(await goTo(await reopened(browser), 'oidc'), 'bob')
    expect(await comeBack(browser, misdirected(second))).toMatchObject({ status: 502, heading: signInTitle })
    expect(providers.google.requests, 'the code went to nobody').not.toContain('/token')
    expect(lastReason()).toContain('unexpected "iss" (issuer) response parameter value')
  })

  verifies('U3', 'names its issuer where the provider says that it does, and never another', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    for (const fault of ['no iss', 'foreign iss'] as const) {
      providers.oidc.fault = fault
      expect(await signIn(browser, 'oidc', 'ada'), fault).toMatchObject({ status: 502, heading: signInTitle })
    }
    expect(providers.oidc.requests).not.toContain('/token')
    providers.oidc.fault = undefined
    expect((await signIn(browser, 'oidc', 'ada')).heading).toBe(approval)
  })

  verifies('U3', 'of a provider that names no issuer is taken without, and with a foreign one refused', async () => {
    await start()
    providers.oidc.metadata = { authorization_response_iss_parameter_supported: undefined }
    const { browser } = await deviceAtLogin()
    providers.oidc.fault = 'foreign iss'
    expect((await signIn(browser, 'oidc', 'ada')).status).toBe(502)
    providers.oidc.fault = 'no iss'
    expect((await signIn(browser, 'oidc', 'ada')).heading).toBe(approval)
  })
})

describe('an ID token', () => {
  /** Each with what the log says of it. */
  const faults = {
    'no id_token': '"id_token" property must be a string',
    'no JWT': 'Invalid JWT',
    'alg none': 'unsupported JWS "alg" identifier',
    HS256: 'unsupported JWS algorithm',
    'unknown key': 'no applicable keys found',
    'foreign signature': 'JWT signature verification failed',
    'foreign issuer': 'unexpected JWT "iss"',
    'foreign audience': 'unexpected JWT "aud"',
    'further audience': 'additional untrusted audiences',
    'foreign azp': 'an ID token for somebody else',
    'foreign nonce': 'unexpected ID Token "nonce"',
    'no nonce': 'JWT "nonce" (nonce) claim missing',
    expired: 'expiration is past current timestamp',
    'no expiry': 'JWT "exp" (expiration time) claim missing',
    'not yet valid': 'unexpected JWT "nbf"',
    'no sub': 'JWT "sub" (subject) claim missing',
  } as const satisfies Partial<Record<FakeOpenIdFault, string>>

  verifies('U5', 'that is wrong in any one way signs nobody in, and the request can be tried again', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    // which it is even if the provider itself says that it may be so
    const metadata = { id_token_signing_alg_values_supported: ['ES256', 'none', 'HS256'] }
    for (const id of ['google', 'oidc'] as const) {
      providers[id].metadata = metadata
      for (const [fault, reason] of Object.entries(faults)) {
        providers[id].fault = fault as FakeOpenIdFault
        const page = await signIn(browser, id, 'ada')
        expect(page, `${id}: ${fault}`).toMatchObject({ status: 502, heading: signInTitle })
        expect(lastReason(), `${id}: ${fault}`).toContain(reason)
      }
      providers[id].fault = undefined
    }
    expect((await signIn(browser, 'oidc', 'ada')).heading).toBe(approval)
  })

  verifies('U5', 'of another issuer, or with an algorithm that is not ours, is for the operator to mend', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    for (const [fault, found] of [
      ['foreign issuer', '"https://accounts.example", expected "http://127.0.0.1:'],
      ['HS256', '"HS256", expected ["ES256"]'],
    ] as const) {
      providers.oidc.fault = fault
      expect((await signIn(browser, 'oidc', 'ada')).text).toContain('Only the people who run it can mend that.')
      expect(lastReason()).toContain(found)
    }
  })

  verifies('U5', 'with an algorithm that the provider does not name is refused', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    for (const fault of ['alg none', 'HS256'] as const) {
      providers.oidc.fault = fault
      expect((await signIn(browser, 'oidc', 'ada')).status).toBe(502)
      expect(lastReason()).toContain('unexpected JWT "alg" header parameter')
    }
  })

  verifies('U5', 'is verified with the keys that are published now', async () => {
    await start()
    expect(await subjectOf('oidc', 'ada')).toBeDefined()
    await providers.oidc.rotateKey()
    server.elapse(61)
    expect(await subjectOf('oidc', 'ada'), 'a new key is fetched, a minute after the last time').toBeDefined()
    const fetched = () => providers.oidc.requests.filter((path) => path === '/jwks').length
    const before = fetched()
    providers.oidc.fault = 'unknown key'
    const { browser } = await deviceAtLogin()
    for (let times = 0; times < 5; times += 1) await signIn(browser, 'oidc', 'ada')
    expect(fetched(), 'unknown key ids do not make us fetch and fetch').toBe(before)
  })

  verifies('U5', 'with a sub that cannot be told from another is refused', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    for (const sub of ['', 'a\u0000b', 'a\nb', 'a\u0085', 'x'.repeat(256), 42, null]) {
      providers.oidc.users.set('odd', { sub: 'odd', claims: { sub } })
      const page = await signIn(browser, 'oidc', 'odd')
      expect(page, JSON.stringify(sub)).toMatchObject({ status: 502, heading: signInTitle })
    }
  })
})

describe('when a provider misbehaves', () => {
  const everywhere = ['server error', 'too many requests', 'html', 'redirect', 'endless'] as const
  const endpoints = ['/.well-known/openid-configuration', '/token', '/jwks', '/userinfo'] as const

  /** A new request, so late that nothing is known of the provider any more. */
  async function muchLater(): Promise<Browser> {
    server.elapse(3_700)
    return (await deviceAtLogin()).browser
  }

  /** Signs in as far as it goes: the page that says what came of it. */
  async function attempt(browser: Browser, at: FakeOpenIdEndpoint): Promise<Page> {
    if (at.startsWith('/.well-known')) return choose(browser, 'oidc')
    return signIn(browser, 'oidc', 'shy')
  }

  verifies(
    'U6',
    'every kind of failure at every endpoint is a page that says so, and the same request can be tried again',
    async () => {
      await start({ ALLOWED_EMAIL_DOMAINS: 'example.com' })
      const { oidc } = providers
      oidc.users.set('shy', { sub: 'shy', userinfo: { email: 'shy@example.com', email_verified: true } })
      for (const at of endpoints) {
        for (const fault of everywhere) {
          const browser = await muchLater()
          Object.assign(oidc, { fault, faultAt: at })
          const page = await attempt(browser, at)
          oidc.fault = undefined
          expect(page, `${fault} at ${at}`).toMatchObject({ status: 502, heading: signInTitle })
          expect(page.text, `${fault} at ${at}`).toContain('Example Corp. did not answer as it should')
          if (fault === 'endless') expect(lastReason()).toContain('too large')
          expect((await signIn(browser, 'oidc', 'shy')).heading, `${fault} at ${at} is over`).toBe(approval)
        }
      }
    },
    30_000,
  )

  verifies(
    'U6',
    'a provider that does not answer holds nobody for long',
    async () => {
      await start()
      const atGoogle = (await deviceAtLogin()).browser
      const callback = await decide(await goTo(atGoogle, 'google'), 'ada')
      Object.assign(providers.google, { fault: 'slow', faultAt: '/token' })
      Object.assign(providers.oidc, { fault: 'slow', faultAt: '/.well-known/openid-configuration' })
      const started = performance.now()
      const pages = await Promise.all([comeBack(atGoogle, callback), choose((await deviceAtLogin()).browser, 'oidc')])
      for (const page of pages) expect(page).toMatchObject({ status: 502, heading: signInTitle })
      expect(performance.now() - started).toBeLessThan(7_000)
    },
    30_000,
  )

  verifies('U6', 'a person who says no there, and a provider that does not know us, are told apart', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    expect(await signIn(browser, 'google', '')).toMatchObject({ status: 403, heading: signInTitle })
    expect(browser.page.text).toContain('Google did not let you in, or you said no there.')
    providers.google.fault = 'client revoked'
    expect(await signIn(browser, 'google', 'ada')).toMatchObject({ status: 502, heading: signInTitle })
    expect(browser.page.text).toContain('Google does not accept this server.')
    providers.google.fault = 'error with 200'
    expect((await signIn(browser, 'google', 'ada')).status).toBe(502)
    providers.google.fault = undefined
    expect((await signIn(browser, 'google', 'ada')).heading).toBe(approval)
  })

  verifies('U6', 'one that is away when we start is asked when somebody signs in there, and again', async () => {
    const port = await freePort()
    await start({ OIDC_ISSUER: `http://127.0.0.1:${port}` })
    expect((await server.get('/readyz')).status).toBe(200)
    expect(providers.google.requests, 'nobody is asked before somebody signs in').toEqual([])
    const { browser } = await deviceAtLogin()
    for (let times = 0; times < 2; times += 1)
      expect(await choose(browser, 'oidc')).toMatchObject({ status: 502, heading: signInTitle })
    expect(lastReason()).toBe('Example Corp., discovery: no answer (ECONNREFUSED)')
    expect((await signIn(browser, 'google', 'ada')).heading, 'the other one is not affected').toBe(approval)
  })

  verifies('U3', 'metadata of another issuer, and of one that is only nearly the same, is not used', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    providers.oidc.fault = 'foreign issuer in metadata'
    expect(await choose(browser, 'oidc')).toMatchObject({ status: 502, heading: signInTitle })
    expect(browser.page.text).toContain('Example Corp. does not accept this server.')
    expect(lastReason()).toContain('its issuer is another one: "https://accounts.example"')
    expect(providers.oidc.requests, 'asked once, not again on the way to the page').toHaveLength(1)
    providers.oidc.fault = 'no endpoints in metadata'
    expect(await choose(browser, 'oidc')).toMatchObject({ status: 502, heading: signInTitle })
    providers.oidc.fault = undefined
    providers.google.metadata = { issuer: `${providers.google.issuer}/` }
    expect(await choose(browser, 'google')).toMatchObject({ status: 502, heading: signInTitle })
  })

  verifies('U3', 'null in what a provider says is a member that is not there', async () => {
    await start()
    providers.oidc.metadata = {
      token_endpoint_auth_methods_supported: null,
      scopes_supported: null,
      authorization_response_iss_parameter_supported: null,
      userinfo_signing_alg_values_supported: null,
    }
    providers.oidc.tokenAnswer = { refresh_token: null, scope: null, expires_in: null }
    providers.oidc.users.set('nobody', {
      sub: 'nobody',
      claims: { email: null, email_verified: null, azp: null, name: null },
    })
    expect(await subjectOf('oidc', 'nobody')).toBe('oidc:example-corp:nobody')
  })

  test('what a provider publishes is fetched once an hour, however many sign in at once', async () => {
    await start()
    const asked = () => providers.oidc.requests.filter((path) => path.startsWith('/.well-known')).length
    const browsers = await Promise.all(Array.from({ length: 5 }, async () => (await deviceAtLogin()).browser))
    await Promise.all(browsers.map((browser) => goTo(browser, 'oidc')))
    expect(asked()).toBe(1)
    server.elapse(3_601)
    await subjectOf('oidc', 'ada')
    expect(asked()).toBe(2)
  })
})

describe('who may enter', () => {
  verifies(
    'U4',
    'the account is the provider and its sub: neither address nor name joins or parts people',
    async () => {
      await start()
      const claims = { email: 'ada@example.com', email_verified: true, name: 'Ada' }
      for (const id of ['google', 'oidc'] as const) {
        providers[id].users.set('ada', { sub: '1', claims })
        providers[id].users.set('namesake', { sub: '2', claims })
        providers[id].users.set('renamed', {
          sub: '1',
          claims: { ...claims, email: 'countess@example.net', name: 'Ada L.' },
        })
      }
      const subjects: Record<string, string | undefined> = {}
      for (const id of ['google', 'oidc'] as const)
        for (const user of ['ada', 'namesake', 'renamed']) subjects[`${user} at ${id}`] = await subjectOf(id, user)
      expect(subjects).toEqual({
        'ada at google': 'google:1',
        'namesake at google': 'google:2',
        'renamed at google': 'google:1',
        'ada at oidc': 'oidc:example-corp:1',
        'namesake at oidc': 'oidc:example-corp:2',
        'renamed at oidc': 'oidc:example-corp:1',
      })
    },
  )

  verifies('N11', 'a mail domain admits the verified address of exactly that domain, whatever hd says', async () => {
    await start({ ALLOWED_EMAIL_DOMAINS: 'Example.com,bücher.example' })
    const verified = true
    const cases: Readonly<Record<string, readonly [claims: object, userinfo: object, admitted: boolean]>> = {
      good: [{ email: 'a@EXAMPLE.com', email_verified: verified }, {}, true],
      'as text': [{ email: 'a@example.com', email_verified: 'true' }, {}, true],
      punycode: [{ email: 'a@xn--bcher-kva.example', email_verified: verified }, {}, true],
      unicode: [{ email: 'a@BÜCHER.example', email_verified: verified }, {}, true],
      'in userinfo': [{}, { email: 'a@example.com', email_verified: verified }, true],
      'verified in userinfo': [{ email: 'a@evil.test' }, { email: 'a@example.com', email_verified: verified }, true],
      'address here, its proof there': [{ email: 'a@example.com' }, { email_verified: verified }, false],
      'denied here, claimed there': [
        { email: 'a@example.com', email_verified: false },
        { email: 'a@example.com', email_verified: verified },
        false,
      ],
      unverified: [{ email: 'a@example.com', email_verified: false }, {}, false],
      'as other text': [{ email: 'a@example.com', email_verified: 'yes' }, {}, false],
      'as a number': [{ email: 'a@example.com', email_verified: 1 }, {}, false],
      'not said': [{ email: 'a@example.com' }, {}, false],
      'hd alone': [{ hd: 'example.com' }, {}, false],
      'hd of another': [{ email: 'a@evil.test', email_verified: verified, hd: 'example.com' }, {}, false],
      subdomain: [{ email: 'a@sub.example.com', email_verified: verified }, {}, false],
      suffix: [{ email: 'a@notexample.com', email_verified: verified }, {}, false],
      'no address': [{ email: 'example.com', email_verified: verified }, {}, false],
      'two addresses': [{ email: 'a@evil.test@example.com', email_verified: verified }, {}, false],
      'a list': [{ email: ['a@example.com'], email_verified: verified }, {}, false],
      nothing: [{}, {}, false],
    }
    const admitted: Record<string, boolean> = {}
    const { browser } = await deviceAtLogin()
    for (const [user, [claims, userinfo]] of Object.entries(cases)) {
      providers.google.users.set(user, { sub: user, claims: claims as never, userinfo: userinfo as never })
      const page = await signIn(browser, 'google', user)
      admitted[user] = page.heading === approval
      if (admitted[user]) await browser.switchAccount()
      else expect(page, user).toMatchObject({ status: 403, heading: signInTitle })
    }
    expect(admitted).toEqual(
      Object.fromEntries(Object.entries(cases).map(([user, [, , expected]]) => [user, expected])),
    )
  })

  verifies('N11', 'of a provider that never says email_verified addresses count if the operator says so', async () => {
    const cases: Readonly<Record<string, readonly [claims: object, userinfo: object, admitted: boolean]>> = {
      'not said': [{ email: 'a@example.com' }, {}, true],
      null: [{ email: 'a@example.com', email_verified: null }, {}, true],
      'in userinfo': [{}, { email: 'a@example.com' }, true],
      verified: [{ email: 'a@example.com', email_verified: true }, {}, true],
      denied: [{ email: 'a@example.com', email_verified: false }, {}, false],
      'denied as text': [{ email: 'a@example.com', email_verified: 'false' }, {}, false],
      'denied in userinfo': [{}, { email: 'a@example.com', email_verified: false }, false],
      'another domain': [{ email: 'a@evil.test' }, {}, false],
    }
    for (const emails of ['any', 'verified']) {
      await server?.[Symbol.asyncDispose]()
      await start({ ALLOWED_EMAIL_DOMAINS: 'example.com', OIDC_EMAILS: emails })
      const { browser } = await deviceAtLogin()
      for (const [user, [claims, userinfo, admitted]] of Object.entries(cases)) {
        providers.oidc.users.set(user, { sub: user, claims: claims as never, userinfo: userinfo as never })
        const page = await signIn(browser, 'oidc', user)
        const expected = emails === 'any' ? admitted : user === 'verified'
        expect([emails, user, page.heading === approval]).toEqual([emails, user, expected])
        if (expected) await browser.switchAccount()
      }
    }
    const refusals = server
      .log()
      .split('\n')
      .filter((line) => line.includes('the rules keep somebody out'))
    expect(refusals).toHaveLength(7)
    expect(JSON.parse(refusals[0] ?? '')).toMatchObject({
      level: 30,
      subject: 'oidc:example-corp:not said',
      hasAddress: false,
      doubt: expect.stringContaining('email_verified'),
    })
    expect(refusals.join()).not.toContain('@')
  })

  verifies('N11', 'what userinfo says of somebody else is not used', async () => {
    await start({ ALLOWED_EMAIL_DOMAINS: 'example.com' })
    providers.oidc.users.set('shy', { sub: 'shy', userinfo: { email: 'shy@example.com', email_verified: true } })
    providers.oidc.fault = 'foreign sub in userinfo'
    const { browser } = await deviceAtLogin()
    expect(await signIn(browser, 'oidc', 'shy')).toMatchObject({ status: 502, heading: signInTitle })
  })

  test('userinfo is asked only where a rule needs an address that the ID token has not', async () => {
    await start()
    providers.oidc.users.set('shy', { sub: 'shy', userinfo: { email: 'shy@example.com', email_verified: true } })
    await subjectOf('oidc', 'shy')
    expect(providers.oidc.requests).not.toContain('/userinfo')
  })

  verifies('U4', 'rules for GitHub admit nobody of another provider, whatever they are called there', async () => {
    await using github = await createFakeGitHub()
    await start({
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_CLIENT_SECRET: github.clientSecret,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
      ALLOWED_GITHUB_USERS: 'octocat',
      ALLOWED_GITHUB_ORGS: 'acme',
    })
    const claims = { name: 'octocat', login: 'octocat', preferred_username: 'octocat', organisations: ['acme'] }
    const { browser } = await deviceAtLogin()
    for (const id of ['google', 'oidc'] as const) {
      providers[id].users.set('octocat', { sub: 'octocat', claims })
      const page = await signIn(browser, id, 'octocat')
      expect(page.status).toBe(403)
      expect(page.text).toContain('octocat may not use this server')
    }
  })

  test('a rule that is taken away ends the refreshes of those it admitted', async () => {
    const [dataDir, port] = [createDataDir(), await freePort()]
    const run = (domains: string) =>
      startAuthServer({ dataDir, port, environment: { ...environment(), ALLOWED_EMAIL_DOMAINS: domains } })
    server = await run('example.com')
    const { device, browser } = await deviceAtLogin()
    await signIn(browser, 'google', 'ada')
    await browser.approve()
    const { refresh_token: token } = (await device.poll()).json
    await server[Symbol.asyncDispose]()

    server = await run('example.com')
    server.elapse(20 * 86_400)
    const renewed = await refresh(server, token)
    expect(renewed.status, 'the provider still says that it is her address').toBe(200)
    await server[Symbol.asyncDispose]()

    server = await run('example.org')
    expect((await refresh(server, renewed.json.refresh_token)).status).toBe(400)
  })
})

describe('at the start', () => {
  const loopback = { AUTH_DEV_LOGIN: 'false', AUTH_SECRET: 'q7Jx0vT2mZ9bR4kW8nY1cP5sD3fH6gLa' }
  const google = { GOOGLE_CLIENT_ID: 'id', GOOGLE_CLIENT_SECRET: 'secret' }
  const oidc = { OIDC_ISSUER: 'https://id.example.com/tenant/', OIDC_CLIENT_ID: 'id', OIDC_CLIENT_SECRET: 'secret' }
  const needs = createFactNeeds({ githubUsers: [], organisations: [], emailDomains: [], groups: [] }, { all: [] })
  const production = { ...loopback, AUTH_ISSUER: 'https://auth.example.com' }

  function faultsOf(environment: Readonly<Record<string, string>>): readonly string[] {
    try {
      readConfig(environment)
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.faults
      throw error
    }
  }

  test('the issuer stays as it was written, and its host is the label', () => {
    const { logins } = readConfig({ ...loopback, ...google, ...oidc })
    expect(logins).toMatchObject([
      { login: 'google', issuer: 'https://accounts.google.com' },
      { login: 'openid', issuer: 'https://id.example.com/tenant/' },
    ])
    expect(logins.map(describeLogin)).toMatchObject([
      { label: 'Google', subjectPrefix: 'google:' },
      { label: 'id.example.com', subjectPrefix: 'oidc:id-example-com:' },
    ])
  })

  test('a secret may be in a file', () => {
    const directory = createDataDir()
    const file = join(directory, 'secret')
    writeFileSync(file, 'from a file\n')
    const { logins } = readConfig({ ...loopback, ...google, GOOGLE_CLIENT_SECRET: '', GOOGLE_CLIENT_SECRET_FILE: file })
    rmSync(directory, { recursive: true })
    expect(logins).toMatchObject([{ clientSecret: 'from a file' }])
  })

  test('half a login, an address that is not safe and a label that names nobody are faults', () => {
    const faulty: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
      [{ GOOGLE_CLIENT_ID: 'id' }, 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET'],
      [{ GOOGLE_CLIENT_SECRET: 'secret' }, 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET'],
      [{ ...google, GOOGLE_ISSUER: 'http://accounts.google.com' }, 'GOOGLE_ISSUER must be an https URL'],
      [{ ...oidc, OIDC_CLIENT_SECRET: '' }, 'OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET'],
      [{ ...oidc, OIDC_ISSUER: '' }, 'OIDC_ISSUER must be'],
      ...['id.example.com', 'http://id.example.com', 'https://u@id.example.com', 'https://id.example.com?x'].map(
        (issuer) => [{ ...oidc, OIDC_ISSUER: issuer }, 'OIDC_ISSUER must be'] as const,
      ),
      [{ ...oidc, OIDC_LABEL: '東京' }, 'OIDC_LABEL'],
      [{ ...oidc, OIDC_LABEL: 'x'.repeat(65) }, 'OIDC_LABEL'],
    ]
    for (const [environment, fault] of faulty)
      expect(faultsOf({ ...loopback, ...environment }), JSON.stringify(environment)).toEqual([
        expect.stringContaining(fault),
      ])
    for (const issuer of ['http://localhost:5556/dex', 'http://127.0.0.1:1', 'http://[::1]:1'])
      expect(faultsOf({ ...loopback, ...oidc, OIDC_ISSUER: issuer })).toEqual([])
  })

  test('any number of providers work at once, each with a label and a callback of its own', () => {
    const more = [
      { ...oidc, OIDC_ISSUER: 'https://partner.example', OIDC_LABEL: 'Partner Ltd.', OIDC_EMAILS: 'any' },
      { ...oidc, OIDC_ISSUER: 'https://login.third.example' },
    ]
    const directory = createDataDir()
    const file = join(directory, 'providers.json')
    writeFileSync(file, JSON.stringify(more))
    for (const OIDC_PROVIDERS of [JSON.stringify(more), file]) {
      const settings = readConfig({ ...loopback, ...google, ...oidc, OIDC_PROVIDERS }).logins
      const logins = createLogins(settings, { needs, now: Date.now, trustProxy: [] })
      expect(
        logins.map(({ signIn, subjectPrefix }) => [signIn?.kind === 'redirect' && signIn.id, subjectPrefix]),
      ).toEqual([
        ['google', 'google:'],
        ['oidc', 'oidc:id-example-com:'],
        ['oidc-partner-ltd', 'oidc:partner-ltd:'],
        ['oidc-login-third-example', 'oidc:login-third-example:'],
      ])
      const openid = settings.filter(({ login }) => login === 'openid')
      expect(openid).toMatchObject([{ emails: 'verified' }, { emails: 'any' }, { emails: 'verified' }])
    }
    rmSync(directory, { recursive: true })
    expect(readConfig({ ...loopback, OIDC_PROVIDERS: JSON.stringify(more) }).logins).toHaveLength(2)
  })

  test('of several providers every fault is told, with the entry it is in, and no secret', () => {
    const entries = [
      { ...oidc, OIDC_LABEL: 'ID example com' },
      { ...oidc, OIDC_ISSUER: 'http://partner.example', OIDC_LABEL: 'Partner', OIDC_CLIENT_SECRET: '' },
      { OIDC_NAME: 'x' },
      {},
    ]
    const faults = faultsOf({ ...loopback, ...oidc, OIDC_PROVIDERS: JSON.stringify(entries) })
    for (const fault of [
      'OIDC_PROVIDERS at 1: OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together',
      'OIDC_PROVIDERS at 1: OIDC_ISSUER must be an https URL',
      'OIDC_PROVIDERS at 2: OIDC_NAME: there is no such setting',
      'OIDC_PROVIDERS at 2: OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are missing',
      'OIDC_PROVIDERS at 3: OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are missing',
      'OIDC_LABEL "ID example com" is there twice',
    ])
      expect(faults).toContainEqual(expect.stringContaining(fault))
    expect(faults).toHaveLength(6)
    const secret = 'hunter2-of-the-provider'
    const one = JSON.stringify({ ...oidc, OIDC_CLIENT_SECRET: secret })
    for (const OIDC_PROVIDERS of [
      '[',
      '[1]',
      '[{"OIDC_ISSUER":1}]',
      '/no/such/file',
      one,
      ` ${one}`,
      `"${secret}"`,
      `[${one},`,
      secret,
    ]) {
      const told = faultsOf({ ...loopback, OIDC_PROVIDERS })
      expect(told, OIDC_PROVIDERS).not.toEqual([])
      for (const fault of told) expect(fault, OIDC_PROVIDERS).toContain('OIDC_PROVIDERS')
      expect(told.join(), OIDC_PROVIDERS).not.toContain(secret)
    }
  })

  test('a login that lets everybody in has to be meant, and a rule needs somebody it could apply to', () => {
    for (const login of [google, oidc]) {
      expect(faultsOf({ ...production, ...login })).toEqual([expect.stringContaining('ALLOW_ANYONE=true')])
      expect(faultsOf({ ...production, ...login, ALLOW_ANYONE: 'true' })).toEqual([])
      expect(faultsOf({ ...production, ...login, ALLOWED_EMAIL_DOMAINS: 'example.com' })).toEqual([])
      expect(faultsOf({ ...production, ...login, ALLOWED_GITHUB_USERS: 'octocat' })).toEqual([
        expect.stringContaining('ALLOWED_GITHUB_USERS and ALLOWED_GITHUB_ORGS are set without'),
      ])
    }
    expect(faultsOf({ ...loopback, ALLOWED_EMAIL_DOMAINS: 'example.com' })).toEqual([
      expect.stringContaining('ALLOWED_EMAIL_DOMAINS is set without'),
    ])
  })
})

/** What the operator reads of the last sign-in that failed upstream. */
function lastReason(): unknown {
  const line = server
    .log()
    .trim()
    .split('\n')
    .findLast((entry) => entry.includes('sign-in upstream failed'))
  return JSON.parse(line ?? '{}').reason
}

/** Back to our sign-in page, as by the back button. */
async function reopened(browser: Browser): Promise<Browser> {
  const uid = /\/interaction\/[\w-]+/.exec(browser.page.url)?.[0]
  await browser.open(uid ?? '/no-interaction')
  return browser
}

provesSecrecy()
