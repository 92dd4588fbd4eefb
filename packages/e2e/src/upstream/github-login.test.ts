// Signing in through GitHub as a person sees it: our page, GitHub's, ours again; and what becomes of it when GitHub, the
// person or a rule says no. The HTTP of it is in apps/auth/src/interactions/github-login.test.ts.
import {
  createClientHome,
  createFakeGitHub,
  type FakeGitHub,
  type FakeGitHubFault,
  promptOf,
  type Stack,
  startStack,
  verifies,
} from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from '../harness/browser.ts'
import { startDevice } from '../harness/device.ts'
import { secretsInLogs } from '../harness/secrets.ts'
import { continueWith, gitHubSettings, press } from './sign-in.ts'

let github: FakeGitHub
let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  github = await createFakeGitHub()
  const env = { auth: { ...gitHubSettings(github), ALLOWED_GITHUB_USERS: 'octocat' } }
  ;[stack, browser] = await Promise.all([startStack({ env }), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser, stack, github].map((each) => each[Symbol.asyncDispose]()))
})

test('a device login goes by GitHub and back, and the command gets its answer', async () => {
  using home = createClientHome(stack)
  await using client = home.run('call', 'whoami')
  const { code, link } = await promptOf(client)

  await using octocat = await browser.person()
  await octocat.open(link)
  await octocat.enterCode()
  expect(await octocat.heading()).toBe('Sign in to connect a device')
  expect(await octocat.page.getByLabel('What to call you').count(), 'the developer login is off').toBe(0)
  await octocat.photograph('login-github')
  await continueWith(octocat, 'GitHub')
  expect(new URL(octocat.page.url()).origin).toBe(github.url)
  await press(octocat, 'Authorize as octocat')

  expect(await octocat.heading()).toBe('A device wants to use your account')
  const facts = await octocat.page.getByRole('main').innerText()
  expect(facts.replaceAll(/\s/g, '')).toContain(code)
  expect(facts).toContain('Signed in as octocat')
  await octocat.photograph('device-approval-github')
  await octocat.approve()
  expect(await octocat.heading()).toBe('You are signed in on your device')

  expect((await client.exited).code, client.output()).toBe(0)
  expect(client.stdout()).toContain('github:583231')
  expect(secretsInLogs(stack.logs(), { home: home.path, codes: [code], others: [github.clientSecret] })).toEqual([])
})

/** What is on the page after GitHub failed in this way, and the picture that shows it. */
const troubles: readonly [FakeGitHubFault, RegExp, string][] = [
  ['server error', /GitHub did not answer as it should/, 'login-github-unavailable'],
  ['too many requests', /GitHub did not answer as it should/, 'login-github-busy'],
  ['html', /GitHub did not answer as it should/, 'login-github-html'],
  ['slow', /GitHub did not answer as it should/, 'login-github-slow'],
  ['error with 200', /GitHub does not accept this server/, 'login-github-misconfigured'],
]

/** A person on our sign-in page, for a device that waits. */
async function arrive(person: Person) {
  const device = await startDevice(stack)
  await person.open(device.link)
  await person.enterCode()
  return device
}

async function expectSuccess(person: Person, device: Awaited<ReturnType<typeof startDevice>>): Promise<void> {
  await continueWith(person, 'GitHub')
  await press(person, 'Authorize as octocat')
  expect(await person.heading()).toBe('A device wants to use your account')
  await person.approve()
  expect((await device.poll()).status).toBe(200)
}

verifies('U6', 'whatever GitHub answers, the page says so, keeps the request, and the next try succeeds', async () => {
  await using person = await browser.person()
  const device = await arrive(person)
  for (const [fault, words, picture] of troubles) {
    await continueWith(person, 'GitHub')
    github.fault = fault
    await press(person, 'Authorize as octocat')
    github.fault = undefined
    expect(await person.heading(), fault).toBe('Sign in to connect a device')
    expect(await person.seeProblem(), fault).toMatch(words)
    expect(await person.page.title(), fault).toMatch(/^Problem: /)
    await person.photograph(picture)
  }
  await expectSuccess(person, device)
})

test('who says no at GitHub, or may not enter, is told so and can go on as somebody else', async () => {
  await using person = await browser.person()
  const device = await arrive(person)
  await continueWith(person, 'GitHub')
  await press(person, 'Cancel')
  expect(await person.seeProblem()).toMatch(/you said no there/)
  await person.photograph('login-github-denied')

  await continueWith(person, 'GitHub')
  await press(person, 'Authorize as mona')
  expect(await person.seeProblem()).toMatch(/mona may not use this server/)
  await person.photograph('login-github-not-allowed')
  await expectSuccess(person, device)
})

test('reloading the page that tells of trouble, or going back to it, is no dead end', async () => {
  await using person = await browser.person()
  const device = await arrive(person)
  await continueWith(person, 'GitHub')
  await press(person, 'Cancel')
  await person.page.reload()
  expect(await person.heading()).toBe('Sign in to connect a device')
  await expectSuccess(person, device)
})
