// Signing in at OpenID providers as a person sees it: Google and another one, all ways in side by side, each with a
// callback of its own; and Better Auth, a provider that other people wrote.
import {
  createClientHome,
  createFakeGitHub,
  createFakeOpenIdProvider,
  type FakeGitHub,
  type FakeOpenIdProvider,
  promptOf,
  type Stack,
  startStack,
  verifies,
} from '@gatehouse/testing'
import { type BetterAuthSite, openBetterAuthSite } from '@gatehouse/testing/better-auth-site'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from '../harness/browser.ts'
import { claimsOf } from '../harness/claims.ts'
import { startDevice } from '../harness/device.ts'
import { secretsInLogs } from '../harness/secrets.ts'
import { continueWith, gitHubSettings, openIdSettings, press } from './sign-in.ts'

let github: FakeGitHub
let google: FakeOpenIdProvider
let partner: FakeOpenIdProvider
let site: BetterAuthSite
let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  ;[github, google, partner, site] = await Promise.all([
    createFakeGitHub(),
    createFakeOpenIdProvider(),
    createFakeOpenIdProvider(),
    openBetterAuthSite('http://localhost/login/oidc/callback'),
  ])
  const auth = {
    AUTH_DEV_LOGIN: 'false',
    ...gitHubSettings(github),
    ...openIdSettings('GOOGLE', google),
    ...openIdSettings('OIDC', site),
    OIDC_LABEL: 'Example site',
    OIDC_PROVIDERS: JSON.stringify([{ ...openIdSettings('OIDC', partner), OIDC_LABEL: 'Partner Ltd.' }]),
    ALLOWED_EMAIL_DOMAINS: 'example.com',
  }
  ;[stack, browser] = await Promise.all([startStack({ env: { auth } }), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser, stack, github, google, partner, site].map((each) => each[Symbol.asyncDispose]()))
})

/** A person on our sign-in page, for a device that waits. */
async function arrive(person: Person) {
  const device = await startDevice(stack)
  await person.open(device.link)
  await person.enterCode()
  return device
}

verifies('U3', 'all ways in are side by side, and each comes back to a callback of its own', async () => {
  await using ada = await browser.person()
  const device = await arrive(ada)
  const asked: Record<string, string | null> = {}
  ada.page.on('request', (request) => {
    const { origin, searchParams } = new URL(request.url())
    if (origin !== stack.issuer && searchParams.has('redirect_uri')) asked[origin] = searchParams.get('redirect_uri')
  })
  await ada.photograph('login-all-providers')
  for (const label of ['GitHub', 'Google', 'Example site', 'Partner Ltd.']) {
    await continueWith(ada, label)
    await ada.open(device.link)
    await ada.enterCode()
  }
  expect(asked).toEqual({
    [github.url]: `${stack.issuer}/login/github/callback`,
    [google.issuer]: `${stack.issuer}/login/google/callback`,
    [new URL(site.issuer).origin]: `${stack.issuer}/login/oidc/callback`,
    [partner.issuer]: `${stack.issuer}/login/oidc-partner-ltd/callback`,
  })
})

test('a device login through Google ends with the answer of the tool, for google:<sub>', async () => {
  using home = createClientHome(stack)
  await using client = home.run('call', 'whoami')
  const { code, link } = await promptOf(client)
  await using ada = await browser.person()
  await ada.open(link)
  await ada.enterCode()
  await continueWith(ada, 'Google')
  await press(ada, 'Sign in as bob')
  expect(await ada.seeProblem()).toContain('bob@example.org may not use this server')
  await ada.photograph('login-all-providers-not-allowed')
  await continueWith(ada, 'Google')
  await press(ada, 'Sign in as ada')
  expect(await ada.page.getByRole('main').innerText()).toContain('Signed in as ada@example.com')
  await ada.photograph('device-approval-google')
  await ada.approve()
  expect((await client.exited).code, client.output()).toBe(0)
  expect(client.stdout()).toContain('google:248289761001')
  const others = [google.clientSecret, ...google.issued]
  expect(secretsInLogs(stack.logs(), { home: home.path, codes: [code], others })).toEqual([])
})

verifies('U4', 'one person at two providers of the same kind is two people here', async () => {
  await using ada = await browser.person()
  const device = await arrive(ada)
  await continueWith(ada, 'Partner Ltd.')
  await press(ada, 'Sign in as ada')
  await ada.approve()
  expect(claimsOf((await device.poll()).access_token ?? '').sub).toBe('oidc:partner-ltd:248289761001')
})

verifies(
  'U6',
  'a provider that refuses us, or whom the person refuses, is told of on our page, and the next try succeeds',
  async () => {
    await using ada = await browser.person()
    const device = await arrive(ada)
    await continueWith(ada, 'Google')
    google.fault = 'client revoked'
    await press(ada, 'Sign in as ada')
    google.fault = undefined
    expect(await ada.seeProblem()).toContain('Google does not accept this server')
    await continueWith(ada, 'Google')
    await press(ada, 'Cancel')
    expect(await ada.seeProblem()).toContain('Google did not let you in')
    await continueWith(ada, 'Google')
    await press(ada, 'Sign in as ada')
    await ada.approve()
    expect((await device.poll()).status).toBe(200)
  },
)

test('another account is asked for at the provider, so that it can be another', async () => {
  google.users.set('grace', { sub: 'grace', claims: { email: 'grace@example.com', email_verified: true } })
  await using person = await browser.person()
  const device = await arrive(person)
  await continueWith(person, 'Google')
  await press(person, 'Sign in as ada')
  await person.switchAccount()
  await continueWith(person, 'Google')
  expect(new URL(person.page.url()).searchParams.get('prompt')).toBe('select_account consent')
  await press(person, 'Sign in as grace')
  await person.approve()
  expect(claimsOf((await device.poll()).access_token ?? '').sub).toBe('google:grace')
})

verifies('N11', 'a person of Better Auth signs in there, and enters once the address is verified', async () => {
  const { email, password, id } = site.person
  await using ada = await browser.person()
  const device = await arrive(ada)
  await continueWith(ada, 'Example site')
  await ada.page.getByLabel('E-mail').fill(email)
  await ada.page.getByLabel('Password').fill(password)
  await press(ada, 'Sign in')
  await press(ada, 'Allow')
  expect(await ada.seeProblem()).toContain('may not use this server')

  site.verifyEmail()
  await continueWith(ada, 'Example site')
  expect(await ada.heading(), 'the site knows both the person and the consent').toBe(
    'A device wants to use your account',
  )
  expect(await ada.page.getByRole('main').innerText()).toContain(`Signed in as ${email}`)
  await ada.approve()
  const { access_token: token = '' } = await device.poll()
  expect(claimsOf(token).sub).toBe(`oidc:example-site:${id}`)
  expect(secretsInLogs(stack.logs(), { others: [site.clientSecret, password, token] })).toEqual([])
})
