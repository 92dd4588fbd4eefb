// Sign-in through GitHub against a fake of it: the account is the numeric id, the state belongs to this browser, and
// whatever GitHub answers, the person can try again.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createFakeGitHub, type FakeGitHub, verifies } from '@gatehouse/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AuthServer, createDataDir, startAuthServer } from '../harness/auth-server.ts'
import type { Browser, Page } from '../harness/browser.ts'
import { askAsDevice, authorizePath, createPkce, errorOf, logInOnDevice, refresh, refused } from '../harness/flows.ts'

let github: FakeGitHub
let server: AuthServer

beforeEach(async () => {
  github = await createFakeGitHub()
})
afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  await github[Symbol.asyncDispose]()
})

const start = async (environment: Readonly<Record<string, string>> = {}, more: { readonly dataDir?: string } = {}) => {
  server = await startAuthServer({
    ...more,
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
  const fields = ['redirect_uri', 'state', 'code_challenge', 'scope'].map((name): [string, string] => [
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

verifies(
  ['D18', 'U1'],
  'the page of connected apps is reached through GitHub, too, by the browser that began alone',
  async () => {
    await start()
    const device = await askAsDevice(server)
    const approving = server.openBrowser()
    await approving.enterCode(device.userCode)
    await signIn(approving, 'octocat')
    await approving.approve()
    const browser = server.openBrowser()
    await browser.open('/apps')
    const callback = await decideAtGitHub(await goToGitHub(browser), 'octocat')
    expect((await comeBack(server.openBrowser(), callback)).status, 'another browser').toBe(400)
    expect(await comeBack(browser, callback)).toMatchObject({ heading: 'Connected apps', url: `${server.issuer}/apps` })
    await browser.submit('/apps/disconnect')
    expect(browser.page.text).toContain('Terminal is disconnected.')
    expect(errorOf(await device.poll())).toEqual(refused(400, 'invalid_grant'))
  },
)

test('over https the sign-in for the page of connected apps sets cookies as strict as those of any other', async () => {
  const issuer = 'https://auth.example.com'
  await start({ AUTH_ISSUER: issuer, AUTH_SECRET: 'k7Vq2Zt0mB4xYw9Rj5Nd8Gh1Lc3Pf6Sa', ALLOW_ANYONE: 'true' })
  const strict = /^([\w.-]+=[^;]+); path=([^;]+); expires=[^;]+; samesite=lax; secure; httponly$/i
  const visit = async (path: string, cookies: readonly string[] = []) => {
    const headers = { host: new URL(issuer).host, accept: 'text/html', cookie: cookies.join('; ') }
    const { status, headers: answer } = await server.get(path, headers)
    const set = (answer['set-cookie'] ?? []).map((cookie) => strict.exec(cookie)?.slice(1) ?? [cookie])
    return { status, to: new URL(answer.location ?? '/', issuer), cookies: set.map(([pair = '']) => pair), set }
  }
  const opened = await visit('/apps')
  expect(opened.set.map(([, path]) => path)).toEqual([opened.to.pathname, opened.to.pathname])
  const { to: authorize } = await visit(`${opened.to.pathname}/login/github`, opened.cookies)
  const callback = new URL(await decideAtGitHub(authorize, 'octocat'))
  const { to } = await visit(callback.pathname + callback.search)
  const signedIn = await visit(to.pathname + to.search, opened.cookies)
  expect(signedIn).toMatchObject({ status: 303, to: { href: `${issuer}/apps` } })
  expect(signedIn.set.map(([pair, path]) => [pair?.split('=')[0], path])).toEqual([
    ['__Host-gatehouse_session', '/'],
    ['__Host-gatehouse_session.sig', '/'],
  ])
  expect((await visit('/apps', signedIn.cookies)).status).toBe(200)
})

test('a device login through GitHub ends with tokens for the numeric id', async () => {
  await start()
  const { device, browser } = await deviceAtLogin()
  const authorize = await goToGitHub(browser)
  expect(authorize.searchParams.get('code_challenge_method')).toBe('S256')
  expect(authorize.searchParams.get('scope')).toBe('')
  expect(authorize.searchParams.get('prompt')).toBe('select_account')
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

  verifies(
    'U1',
    'an answer that took more than ten minutes is not taken, and the request can be tried again',
    async () => {
      await start()
      const browser = server.openBrowser()
      await browser.open(authorizePath(createPkce().challenge))
      const late = await decideAtGitHub(await goToGitHub(browser), 'mona')
      server.elapse(601)
      const page = await comeBack(browser, late)
      expect([page.status, page.heading]).toEqual([400, 'Sign in'])
      expect((await signIn(browser, 'mona')).heading).toBe('An app wants to use your account')
    },
  )

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

describe('consent', () => {
  const consentTitle = 'An app wants to use your account'
  const attacker = {
    client_name: 'Holiday photos',
    redirect_uris: ['https://evil.example/callback'],
    token_endpoint_auth_method: 'none',
  }
  const requestOf = async () => {
    const { json } = await server.register(attacker)
    const [redirect_uri] = attacker.redirect_uris
    return (changes: Record<string, string> = {}) =>
      authorizePath(createPkce().challenge, { client_id: json.client_id, redirect_uri, ...changes })
  }

  verifies('A15', 'nobody is sent to GitHub but from our page, which names the app that asks', async () => {
    await start()
    const request = await requestOf()
    for (const changes of [{}, { prompt: 'consent' }, { prompt: 'login' }, { login_hint: 'mona' }]) {
      const browser = server.openBrowser()
      const page = await browser.open(request(changes), { 'sec-fetch-site': 'cross-site' })
      expect([changes, page.heading, page.leftTo]).toEqual([changes, 'Sign in', undefined])
      for (const fact of ['Holiday photos', 'Unverified app', 'Continue with GitHub', 'Cancel'])
        expect(page.text).toContain(fact)
    }
    const { leftTo, status, text } = await server.openBrowser().open(request({ prompt: 'none' }))
    expect([leftTo, status]).toEqual([undefined, 400])
    expect(text).toContain('login_required')
    expect(github.requests).toEqual([])
  })

  verifies('A15', 'the way to GitHub and back is open to the browser that saw that page, and to no other', async () => {
    await start()
    const request = await requestOf()
    const [browser, other] = [server.openBrowser(), server.openBrowser()]
    await browser.open(request())
    const href = /href="(\/interaction\/[^"]+\/login\/github)"/.exec(browser.page.html)?.[1] ?? ''
    for (const path of [href, `${href}/callback?code=abc`]) {
      const page = await other.open(path)
      expect([path, page.status, page.leftTo]).toEqual([path, 400, undefined])
    }
    const answer = await decideAtGitHub(await goToGitHub(browser), 'mona')
    const elsewhere = await comeBack(other, answer)
    expect([elsewhere.status, elsewhere.leftTo, Object.keys(other.cookies())]).toEqual([400, undefined, []])
    expect((await comeBack(browser, answer)).heading).toBe(consentTitle)
  })

  verifies('A15', 'what GitHub said reaches no app before the person agreed to that app here', async () => {
    await start()
    const request = await requestOf()
    const browser = server.openBrowser()
    await browser.open(request())
    const page = await signIn(browser, 'mona')
    expect(page.heading).toBe(consentTitle)
    for (const fact of ['Holiday photos', 'Unverified app', 'You will return to evil.example', 'mona'])
      expect(page.text).toContain(fact)
    const { url } = page
    // neither by going on without an answer, nor by asking again while signed in, here and at GitHub
    const uid = /interaction\/([\w-]+)/.exec(url)?.[1]
    for (const path of [`/authorize/${uid}`, request(), request({ scope: 'mcp:tools:read' }), (await requestOf())()]) {
      const next = await browser.open(path, { 'sec-fetch-site': 'cross-site' })
      expect([next.leftTo, next.text.includes('GitHub')]).toEqual([undefined, false])
      expect(next.heading).toBeOneOf([consentTitle, 'This request has expired'])
    }
    expect((await browser.refuse()).leftTo?.searchParams.get('error')).toBe('access_denied')
  })
})

describe('when GitHub misbehaves', () => {
  verifies(
    ['U6', 'X23'],
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
      const metrics = await server.metrics()
      expect(metrics).toContain('gatehouse_upstream_failures_total{login="github",failure="unavailable"} 4')
      expect(metrics).toContain('{login="github",failure="misconfigured"} 1')
      expect((await signIn(browser, '')).status, 'the person said no at GitHub').toBe(403)
      expect((await signIn(browser, 'octocat')).heading).toBe('A device wants to use your account')
      await browser.approve()
      expect((await device.poll()).status).toBe(200)
    },
    30_000,
  )

  verifies('X23', 'while GitHub is away who is signed in approves, and who has tokens renews them', async () => {
    await start()
    const { device, browser } = await deviceAtLogin()
    await signIn(browser, 'octocat')
    await browser.approve()
    const { refresh_token: token } = (await device.poll()).json
    github.fault = 'server error'
    const another = await askAsDevice(server)
    await browser.open('/device')
    await browser.enterCode(another.userCode)
    expect(browser.page.heading).toBe('A device wants to use your account')
    await browser.approve()
    expect((await another.poll()).status).toBe(200)
    expect((await refresh(server, token)).status).toBe(200)
  })

  verifies('X23', 'a GitHub whose name does not resolve, or that forgot our app, is a page as well', async () => {
    await start({ GITHUB_URL: 'https://github.invalid', GITHUB_API_URL: 'https://api.github.invalid' })
    const { browser } = await deviceAtLogin()
    const { searchParams } = await goToGitHub(browser)
    const page = await comeBack(browser, `/login/github/callback?code=abc&state=${searchParams.get('state')}`)
    expect([page.status, page.heading]).toEqual([502, 'Sign in to connect a device'])
    await server[Symbol.asyncDispose]()

    await start({ GITHUB_CLIENT_SECRET: 'not the one GitHub knows' })
    const { browser: another } = await deviceAtLogin()
    expect((await signIn(another, 'octocat')).status).toBe(502)
    expect(another.page.heading).toBe('Sign in to connect a device')
    expect(await server.metrics()).toContain('{login="github",failure="misconfigured"} 1')
  })

  test('the page that says so can be reloaded: the answer counts once, the request goes on', async () => {
    await start()
    const { browser } = await deviceAtLogin()
    const denied = await decideAtGitHub(await goToGitHub(browser), '')
    expect((await comeBack(browser, denied)).status).toBe(403)
    const again = await comeBack(browser, denied)
    expect(again).toMatchObject({ status: 400, heading: 'Sign in to connect a device' })
    expect(again.text).toContain('Nothing is lost')
    expect((await signIn(browser, 'octocat')).heading).toBe('A device wants to use your account')
  })
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
    'an allowed login is tied to the id that had it first: anyone who takes the name over is kept out',
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
      // an access token lives for ten minutes, and half a minute longer by a slow clock
      server.elapse(2_960)
      expect(await renew(), 'the token ends before the facts are an hour old').toBe(200)
      server.elapse(20)
      expect(await renew(), 'the membership has ended').toBe(400)
    },
  )

  verifies(['F5', 'U8'], 'somebody who left gets no new tokens, nor those again that were the last', async () => {
    await start({ ALLOWED_GITHUB_ORGS: 'acme' })
    const { device, browser } = await deviceAtLogin()
    await signIn(browser, 'mona')
    await browser.approve()
    const { refresh_token: token } = (await device.poll()).json
    server.elapse(2_960)
    const last = await refresh(server, token)
    expect(last.status).toBe(200)
    expect((await refresh(server, token)).text, 'within the grace').toBe(last.text)
    github.users.set('mona', { id: 2, login: 'mona', organisations: [] })
    server.elapse(20)
    for (const presented of [token, last.json.refresh_token])
      expect(errorOf(await refresh(server, presented))).toEqual(refused(400, 'invalid_grant'))
  })

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
    const known = await server.store.records.find('Account', 'github:2')
    expect(known).toBeDefined()
    expect(known).not.toHaveProperty('payload.facts.upstreamToken')
    await server[Symbol.asyncDispose]()

    const dataDir = createDataDir()
    await start({ ALLOWED_GITHUB_ORGS: 'acme' }, { dataDir })
    const member = await deviceAtLogin()
    const { html } = await signIn(member.browser, 'mona')
    const done = await member.browser.approve()
    const answer = await member.device.poll()
    const account = (await server.store.records.find('Account', 'github:2'))?.payload
    const { upstreamToken = '' } = (account?.facts ?? {}) as { upstreamToken?: string }
    expect(upstreamToken).toMatch(/^.{8,}$/)
    const files = readdirSync(dataDir).filter((name) => name.startsWith('auth.sqlite'))
    expect(files).toContain('auth.sqlite')
    for (const file of files) expect(readFileSync(join(dataDir, file)).includes(upstreamToken), file).toBe(false)
    expect(server.log()).not.toContain(upstreamToken)
    const claims = Buffer.from(String(answer.json.access_token).split('.')[1] ?? '', 'base64url').toString()
    expect(html + done.html + answer.text + claims).not.toContain(upstreamToken)
    rmSync(dataDir, { recursive: true, force: true })
  })
})

test('the developer login is not offered when it is off', async () => {
  await start()
  const { browser } = await deviceAtLogin()
  expect(browser.page.forms.map(({ action }) => action).filter((action) => action.endsWith('/login'))).toEqual([])
  await expect(logInOnDevice(server)).rejects.toThrow()
})
