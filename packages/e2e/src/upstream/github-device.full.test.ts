// GitHub's own device flow, relayed: for a client that the operator marked, with a client id of GitHub's and neither secret
// nor callback. The client shows GitHub's address and GitHub's code, a person decides at GitHub alone, and the tokens are
// ours. By our command, and by mcp-remote.
import {
  createClientHome,
  createFakeGitHub,
  type FakeGitHub,
  freePorts,
  type RunningProcess,
  type Stack,
  startProcess,
  startStack,
  verifies,
} from '@gatehouse/testing'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from '../harness/browser.ts'
import { type Recorder, startRecorder } from '../harness/recorder.ts'
import { secretsInLogs } from '../harness/secrets.ts'
import { press } from './sign-in.ts'

const television = {
  client_id: 'living-room',
  client_name: 'Living room',
  token_endpoint_auth_method: 'none',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  redirect_uris: [],
  response_types: [],
  github_device_flow: true,
}

let github: FakeGitHub
let stack: Stack
let recorder: Recorder
let browser: PersonBrowser
let somebody: Person

beforeAll(async () => {
  const [port = 0] = await freePorts(1)
  github = await createFakeGitHub()
  const auth = {
    PORT: String(port),
    AUTH_DEV_LOGIN: 'false',
    GITHUB_CLIENT_ID: github.clientId,
    GITHUB_URL: github.url,
    GITHUB_API_URL: github.apiUrl,
    ALLOWED_GITHUB_USERS: 'octocat',
  }
  ;[stack, browser] = await Promise.all([
    startStack({ services: ['auth'], clients: [television], env: { auth } }),
    openBrowser(),
  ])
  recorder = await startRecorder(Number(new URL(stack.issuer).port), port)
  await stack.start('mcp')
})
afterAll(async () => {
  await Promise.all([recorder, browser, stack, github].map((each) => each[Symbol.asyncDispose]()))
})
beforeEach(async () => {
  somebody = await browser.person()
  return () => somebody[Symbol.asyncDispose]()
})

const logIn = (home: ReturnType<typeof createClientHome>) =>
  home.run('login', '--device', '--client-id', television.client_id)

/** GitHub's code, as the program shows it together with GitHub's address. */
async function codeOf(program: RunningProcess): Promise<string> {
  await program.says(new RegExp(`${github.url}/login/device(?!\\S)`))
  const [, code = ''] = await program.says(/\b([0-9A-F]{4}-[0-9A-F]{4})\b/)
  return code
}

/** On GitHub's page, where the program sends people. */
async function decideAtGitHub(code: string, button: string): Promise<void> {
  await somebody.open(`${github.url}/login/device`)
  await somebody.page.getByLabel('Code').fill(code)
  await press(somebody, button)
}

/** Of all that the clients and the person got from us, and of what we wrote down. */
async function expectNoTrace(): Promise<void> {
  expect(recorder.exchanges.length).toBeGreaterThan(0)
  expect(recorder.exchanges.filter(({ headers }) => headers['set-cookie']).map(({ path }) => path)).toEqual([])
  expect(await somebody.context.cookies(stack.issuer), 'no session of ours in the browser').toEqual([])
  const answers = recorder.exchanges.map(({ body, headers }) => JSON.stringify(headers) + body).join('\n')
  expect(github.deviceCodes.length).toBeGreaterThan(0)
  for (const secret of github.deviceCodes) expect(answers).not.toContain(secret)
  expect(secretsInLogs(stack.logs(), { others: github.deviceCodes })).toEqual([])
}

verifies('N9', 'our command shows GitHub’s address and code, and calls a tool after the approval there', async () => {
  using home = createClientHome(stack)
  await using client = logIn(home)
  const code = await codeOf(client)
  expect(client.output(), 'our own page is not part of this').not.toContain(`${stack.issuer}/device`)
  await decideAtGitHub(code, 'Authorize as octocat')
  expect((await client.exited).code, client.output()).toBe(0)
  await using call = home.run('call', 'whoami', '--client-id', television.client_id)
  expect((await call.exited).code, call.output()).toBe(0)
  expect(call.stdout()).toContain('github:583231')
  expect(secretsInLogs(stack.logs(), { home: home.path })).toEqual([])
  await expectNoTrace()
})

test('when GitHub asks for patience the client is told to slow down, and still gets in', async () => {
  using home = createClientHome(stack)
  const before = recorder.exchanges.length
  await using client = logIn(home)
  const code = await codeOf(client)
  github.askForPatience(code, 2)
  const polls = () => recorder.exchanges.slice(before).filter(({ path }) => path === '/token')
  await expect.poll(() => polls().map(({ body }) => JSON.parse(body).error), { timeout: 10_000 }).toContain('slow_down')
  await decideAtGitHub(code, 'Authorize as octocat')
  expect((await client.exited).code, client.output()).toBe(0)
  await expectNoTrace()
})

test('who cancels at GitHub, or may not enter, is refused, and the command says so', async () => {
  for (const button of ['Cancel', 'Authorize as mona']) {
    using home = createClientHome(stack)
    await using client = logIn(home)
    await decideAtGitHub(await codeOf(client), button)
    expect((await client.exited).code, button).toBe(4)
    expect(client.output()).toMatch(/refused|denied/i)
    expect(client.stdout()).toBe('')
  }
  await expectNoTrace()
})

/** mcp-remote, with a folder for what it keeps. */
const startRemote = (home: ReturnType<typeof createClientHome>) =>
  startProcess(
    [
      'packages/e2e/node_modules/mcp-remote/dist/client.js',
      ...[stack.resource, '--device-code'],
      ...['--static-oauth-client-info', JSON.stringify({ client_id: television.client_id })],
    ],
    { env: { HOME: home.path, MCP_REMOTE_CONFIG_DIR: home.path }, input: '' },
  )

test('mcp-remote signs in the same way, and lists the tools', async () => {
  using home = createClientHome(stack)
  await using remote = startRemote(home)
  await decideAtGitHub(await codeOf(remote), 'Authorize as octocat')
  expect((await remote.exited).code, remote.output()).toBe(0)
  expect(remote.output()).toContain('Connected successfully!')
  expect(remote.output()).toContain('"name": "greet"')
  expect(secretsInLogs(stack.logs(), { home: home.path })).toEqual([])
  await expectNoTrace()
})

test('mcp-remote ends with the refusal when the person cancels at GitHub', async () => {
  using home = createClientHome(stack)
  await using remote = startRemote(home)
  await decideAtGitHub(await codeOf(remote), 'Cancel')
  expect((await remote.exited).code, remote.output()).not.toBe(0)
  expect(remote.output()).toMatch(/access_denied|denied/i)
  expect(remote.output()).not.toContain('Connected successfully!')
})
