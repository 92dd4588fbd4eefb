// examples/device-login.py as its reader runs it: with python3 and nothing installed.
import { promptOf, type Stack, startProcess, startStack } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from './harness/browser.ts'

let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack(), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), stack[Symbol.asyncDispose]()])
})

test('the Python example signs in and prints the greeting', async () => {
  await using example = startProcess(['examples/device-login.py', '--url', stack.resource], { command: 'python3' })
  const { link } = await promptOf(example)
  await using ada = await browser.person()
  await ada.open(link)
  await ada.enterCode()
  await ada.logInAs('ada')
  expect(await ada.page.getByRole('main').innerText()).toContain('Gatehouse Python example')
  await ada.approve()
  expect((await example.exited).code, example.output()).toBe(0)
  expect(example.stdout().trim()).toBe('Hello, world!')
})

test('the Python example says so when the sign-in is refused', async () => {
  await using example = startProcess(['examples/device-login.py', '--url', stack.resource], { command: 'python3' })
  const { link } = await promptOf(example)
  await using bob = await browser.person()
  await bob.open(link)
  await bob.enterCode()
  await bob.logInAs('bob')
  await bob.refuse()
  expect((await example.exited).code).toBe(1)
  expect(example.stderr()).toContain('refused')
})
