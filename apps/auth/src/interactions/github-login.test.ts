// Sign-in through GitHub against a fake of it: the account is the numeric id, the state belongs to this browser, and
// whatever GitHub answers, the person can try again.
import { createFakeGitHub, type FakeGitHub, verifies } from '@gatehouse/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../suites/auth-server.ts'
import type { Browser, Page } from '../suites/browser.ts'
import { askAsDevice, logInOnDevice, refresh } from '../suites/flows.ts'

let github: FakeGitHub
let server: AuthServer

beforeEach(async () => {
  github = await createFakeGitHub()
})
afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  await github[Symbol.asyncDispose]()
})

const start = async (environment: Readonly<Record<string, string>> = {}) => {
  server = await startAuthServer({
    environment: {
      AUTH_DEV_LOGIN: 'false',
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_CLIENT_SECRET: github.clientSecret,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
      ...environment,
    },
  })
}

/** From our sign-in page to GitHub's; returns where our server sent the browser. */
async function goToGitHub(browser: Browser): Promise<URL> {
  const href = /href="(\/interaction\/[^"]+\/login\/github)"/.exec(browser.page.html)?.[1]
  const { leftTo } = await browser.open(href ?? '/no-github-button')
  if (!leftTo) throw new Error('the browser was not sent to GitHub')
  return leftTo
}

/** The person decides on GitHub's page; returns the callback that GitHub sends the browser to. */
async function decideAtGitHub(authorize: URL, login: string): Promise<string> {
  const fields = ['redirect_uri', 'state', 'code_challenge'].map((name): [string, string] => [
    name,
    authorize.searchParams.get(name) ?? '',
  ])
  const body = new URLSearchParams([...fields, ['login', login]])
  const response = await fetch(authorize.origin + authorize.pathname, { method: 'POST', body, redirect: 'manual' })
  return response.headers.get('location') ?? ''
}

const comeBack = (browser: Browser, callback: string) => browser.open(callback, { 'sec-fetch-site': 'cross-site' })

async function signIn(browser: Browser, login: string): Promise<Page> {
  return comeBack(browser, await decideAtGitHub(await goToGitHub(browser), login))
}

async function deviceAtLogin() {
  const device = await askAsDevice(server)
  const browser = server.openBrowser()
  await browser.enterCode(device.userCode)
  return { device, browser }
}

test('a device login through GitHub ends with tokens for the numeric id', async () => {
  await start()
  const { device, browser } = await deviceAtLogin()
  const authorize = await goToGitHub(browser)
  expect(authorize.searchParams.get('code_challenge_method')).toBe('S256')
  expect(authorize.searchParams.get('scope')).toBe('')
  const page = await comeBack(browser, await decideAtGitHub(authorize, 'octocat'))
  expect(page.heading).toBe('A device wants to use your account')
  expect(page.text).toContain('octocat')
  await browser.approve()
  const { json } = await device.poll()
  const claims = JSON.parse(Buffer.from(String(json.access_token).split('.')[1] ?? '', 'base64url').toString())
  expect(claims.sub).toBe('github:583231')
})

describe('the state', () => {
  verifies('U1', 'a callback without, with a foreign, or with a used state changes nothing', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    for (const callback of [
      '/login/github/callback?code=abc',
      '/login/github/callback?code=abc&state=aaaaaaaaaaaaaaaaaaaaaaaa',
    ]) {
      expect((await comeBack(browser, callback)).status).toBe(400)
    }
    const attacker = await deviceAtLogin()
    const foreign = await decideAtGitHub(await goToGitHub(attacker.browser), 'mona')
    const victim = server.openBrowser()
    expect((await comeBack(victim, foreign)).status).toBe(400)
    expect(Object.keys(victim.cookies())).toEqual([])

    expect((await comeBack(attacker.browser, foreign)).heading).toBe('A device wants to use your account')
    expect((await comeBack(attacker.browser, foreign)).status).toBe(400)
  })

  verifies('U2', "a code from somebody else's request is refused, because the verifier is not theirs", async () => {
    await start()
    const victim = await deviceAtLogin()
    const attacker = await deviceAtLogin()
    const ours = new URL(await decideAtGitHub(await goToGitHub(victim.browser), 'octocat'))
    const theirs = new URL(await decideAtGitHub(await goToGitHub(attacker.browser), 'mona'))
    ours.searchParams.set('code', theirs.searchParams.get('code') ?? '')
    const page = await comeBack(victim.browser, ours.href)
    expect(page.status).toBe(502)
    expect(page.heading).toBe('Sign in to connect a device')
  })
})

describe('when GitHub misbehaves', () => {
  verifies(
    'U6',
    'every kind of failure is a page that says so, and the same request can be tried again',
    async () => {
      await start()
      const { device, browser } = await deviceAtLogin()
      const started = performance.now()
      for (const fault of ['error with 200', 'server error', 'too many requests', 'html', 'slow'] as const) {
        const authorize = await goToGitHub(browser)
        github.fault = fault
        const page = await comeBack(browser, await decideAtGitHub(authorize, 'octocat'))
        github.fault = undefined
        expect(page.status, fault).toBe(502)
        expect(page.text, fault).toContain('GitHub')
        expect(page.heading, fault).toBe('Sign in to connect a device')
      }
      expect(performance.now() - started, 'five faults, of which one never answers').toBeLessThan(20_000)
      expect((await signIn(browser, '')).status, 'the person said no at GitHub').toBe(403)
      expect((await signIn(browser, 'octocat')).heading).toBe('A device wants to use your account')
      await browser.approve()
      expect((await device.poll()).status).toBe(200)
    },
    30_000,
  )
})

describe('who may enter', () => {
  verifies('U4', 'the account is the numeric id: a renamed login stays the same person', async () => {
    await start()
    const subjects: string[] = []
    for (const login of ['octocat', 'octocat-renamed']) {
      github.users.set(login, { id: 583_231, login })
      const { device, browser } = await deviceAtLogin()
      await signIn(browser, login)
      await browser.approve()
      const { json } = await device.poll()
      subjects.push(JSON.parse(Buffer.from(String(json.access_token).split('.')[1] ?? '', 'base64url').toString()).sub)
    }
    expect(subjects).toEqual(['github:583231', 'github:583231'])
  })

  verifies(
    'N10',
    'an allowed login is tied to the id that had it first: whoever takes the name over is kept out',
    async () => {
      await start({ ALLOWED_GITHUB_USERS: 'OctoCat' })
      const first = await deviceAtLogin()
      expect((await signIn(first.browser, 'mona')).status).toBe(403)
      expect((await signIn(first.browser, 'octocat')).heading).toBe('A device wants to use your account')

      github.users.set('octocat', { id: 999, login: 'octocat' })
      github.users.set('octocat-renamed', { id: 583_231, login: 'octocat-renamed' })
      const second = await deviceAtLogin()
      const refused = await signIn(second.browser, 'octocat')
      expect(refused.status).toBe(403)
      expect(refused.text).toContain('octocat may not use this server')
      expect((await signIn(second.browser, 'octocat-renamed')).heading).toBe('A device wants to use your account')
    },
  )

  verifies('N11', 'a mail domain admits the verified primary address of exactly that domain', async () => {
    await start({ ALLOWED_EMAIL_DOMAINS: 'Example.com,bücher.example' })
    const emails = {
      good: [{ email: 'a@EXAMPLE.com', primary: true, verified: true }],
      punycode: [{ email: 'a@xn--bcher-kva.example', primary: true, verified: true }],
      unverified: [{ email: 'a@example.com', primary: true, verified: false }],
      secondary: [
        { email: 'a@evil.test', primary: true, verified: true },
        { email: 'a@example.com', primary: false, verified: true },
      ],
      subdomain: [{ email: 'a@sub.example.com', primary: true, verified: true }],
      suffix: [{ email: 'a@notexample.com', primary: true, verified: true }],
    }
    const admitted: Record<string, boolean> = {}
    for (const [index, [login, list]] of Object.entries(emails).entries()) {
      github.users.set(login, { id: 100 + index, login, emails: list })
      const { browser } = await deviceAtLogin()
      const page = await signIn(browser, login)
      admitted[login] = page.heading === 'A device wants to use your account'
    }
    expect(admitted).toEqual({
      good: true,
      punycode: true,
      unverified: false,
      secondary: false,
      subdomain: false,
      suffix: false,
    })
  })

  verifies(
    'U8',
    'a membership that ended ends the refreshes within the hour; while GitHub is away it counts for a day',
    async () => {
      await start({ ALLOWED_GITHUB_ORGS: 'acme', AUTH_LIFETIMES: '{"refreshToken":1000000}' })
      const { device, browser } = await deviceAtLogin()
      expect((await signIn(browser, 'octocat')).status).toBe(403)
      await signIn(browser, 'mona')
      await browser.approve()
      let token = (await device.poll()).json.refresh_token as string
      const renew = async () => {
        const { status, json } = await refresh(server, token)
        if (status === 200) token = json.refresh_token as string
        return status
      }
      expect(await renew()).toBe(200)
      github.fault = 'server error'
      server.elapse(5 * 3_600)
      expect(await renew(), 'GitHub is away, the facts are five hours old').toBe(200)
      server.elapse(20 * 3_600)
      expect(await renew(), 'GitHub is away, the facts are over a day old').toBe(400)
      github.fault = undefined
      expect(await renew(), 'GitHub is back').toBe(200)
      github.users.set('mona', { id: 2, login: 'mona', organisations: [] })
      server.elapse(3_000)
      expect(await renew(), 'the facts are under an hour old').toBe(200)
      server.elapse(700)
      expect(await renew(), 'the membership has ended').toBe(400)
    },
  )

  verifies('U8', 'of a rate limit nobody is shut out: GitHub says it with 403, as it says no', async () => {
    await start({ ALLOWED_GITHUB_ORGS: 'acme', AUTH_LIFETIMES: '{"refreshToken":1000000}' })
    const { device, browser } = await deviceAtLogin()
    await signIn(browser, 'mona')
    await browser.approve()
    let token = (await device.poll()).json.refresh_token as string
    for (const fault of ['rate limit', 'secondary rate limit', 'too many requests'] as const) {
      github.fault = fault
      server.elapse(2 * 3_600)
      const { status, json } = await refresh(server, token)
      expect([fault, status]).toEqual([fault, 200])
      token = json.refresh_token as string
    }
  })

  verifies('U7', "GitHub's token is kept only where a rule needs it, and sealed", async () => {
    await start()
    const { browser } = await deviceAtLogin()
    await signIn(browser, 'mona')
    expect(await server.store.documents.get('account:github:2')).not.toHaveProperty('facts.upstreamToken')
  })
})

test('the developer login is not offered when it is off', async () => {
  await start()
  const { browser } = await deviceAtLogin()
  expect(browser.page.forms.map(({ action }) => action).filter((action) => action.endsWith('/login'))).toEqual([])
  await expect(logInOnDevice(server)).rejects.toThrow()
})
