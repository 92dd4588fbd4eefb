// The first thing anybody does with Gatehouse: the headless command asks for a sign-in, a person approves it in a
// browser, the tool's answer is printed.
import { createClientHome, promptOf, type Stack, startStack } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from './harness/browser.ts'
import { secretsInLogs } from './harness/secrets.ts'

let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack(), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), stack[Symbol.asyncDispose]()])
})

test('a device login on the command line ends with the greeting, and lasts over calls and restarts', async () => {
  using home = createClientHome(stack)
  await using first = home.run('call', 'greet', '{"name":"world"}')
  const { code, link } = await promptOf(first)

  await using ada = await browser.person()
  await ada.open(link)
  await ada.photograph('device-entry')
  await ada.enterCode()
  await ada.photograph('login')
  await ada.logInAs('ada')
  expect(await ada.heading()).toBe('A device wants to use your account')
  const facts = await ada.page.getByRole('main').innerText()
  expect(facts.replaceAll(/\s/g, '')).toContain(code)
  expect(facts).toContain('dev:ada')
  expect(facts).toContain(stack.resource)
  await ada.photograph('device-approval')
  await ada.approve()
  expect(await ada.heading()).toBe('You are signed in on your device')
  await ada.photograph('device-done')

  expect((await first.exited).code, first.output()).toBe(0)
  expect(first.stdout()).toContain('Hello, world!')
  expect(first.stdout(), 'everything but the result goes to standard error').not.toContain(code)
  expect(first.stderr()).toContain('dev:ada')

  await using second = home.run('call', 'greet', '{"name":"again"}')
  expect((await second.exited).code, second.output()).toBe(0)
  expect(second.stdout()).toContain('Hello, again!')
  expect(second.output(), 'the saved sign-in is used').not.toContain('user_code=')

  await Promise.all([stack.restart('auth'), stack.restart('mcp')])
  await using third = home.run('call', 'greet', '{"name":"restart"}', '--json')
  expect((await third.exited).code, third.output()).toBe(0)
  expect(JSON.stringify(JSON.parse(third.stdout()))).toContain('Hello, restart!')

  expect(secretsInLogs(stack.logs(), { home: home.path, codes: [code] })).toEqual([])
})

test('refusing on the page ends the command with an explanation and no tokens', async () => {
  using home = createClientHome(stack)
  await using client = home.run('call', 'greet', '{"name":"world"}')
  const { link } = await promptOf(client)

  await using bob = await browser.person()
  await bob.open(link)
  await bob.enterCode()
  await bob.logInAs('bob')
  await bob.refuse()
  expect(await bob.heading()).toBe('Nothing was shared')
  await bob.photograph('device-refused')

  const { code } = await client.exited
  expect(code).not.toBe(0)
  expect(client.stdout()).toBe('')
  expect(client.stderr()).toMatch(/refused|denied/i)
})

test('a client that is stopped while it waits leaves a login that can be started again', async () => {
  using home = createClientHome(stack)
  await using stopped = home.run('call', 'greet', '{"name":"world"}')
  await promptOf(stopped)
  stopped.signal('SIGINT')
  expect((await stopped.exited).code).not.toBe(0)

  await using again = home.run('call', 'greet', '{"name":"world"}')
  const { link } = await promptOf(again)
  await using ada = await browser.person()
  await ada.open(link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await ada.approve()
  expect((await again.exited).code, again.output()).toBe(0)
  expect(again.stdout()).toContain('Hello, world!')
})
