// A sign-in and the state behind it outlive kill -9 of either service, again and again.
import { createClientHome, promptOf, type Stack, startStack, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from '../harness/browser.ts'
import { claimsOf } from '../harness/claims.ts'
import { startDevice } from '../harness/device.ts'

const rounds = 10
const devices = 30

let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack({ lifetimes: { accessToken: 1 } }), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), stack[Symbol.asyncDispose]()])
})

test('one sign-in lasts through ten kills of each service, with a token to renew each time', async () => {
  using home = createClientHome(stack)
  await using first = home.run('call', 'greet', '{"name":"world"}')
  const { link } = await promptOf(first)
  await using ada = await browser.person()
  await ada.open(link)
  await ada.enterCode()
  await stack.restart('auth', 'SIGKILL')
  await ada.logInAs('ada')
  await stack.restart('auth', 'SIGKILL')
  await ada.approve()
  expect((await first.exited).code, first.output()).toBe(0)

  for (let round = 1; round <= rounds; round += 1) {
    await Promise.all([stack.restart('auth', 'SIGKILL'), stack.restart('mcp', 'SIGKILL')])
    await using next = home.run('call', 'greet', `{"name":"round ${round}"}`)
    expect((await next.exited).code, next.output()).toBe(0)
    expect(next.output()).not.toContain('user_code=')
  }
})

verifies(
  'D10',
  'of many devices each gets its own person, and each code one set of tokens however often it is sent',
  async () => {
    await using ada = await browser.person()
    await using grace = await browser.person()
    const people = [
      { name: 'ada', person: ada },
      { name: 'grace', person: grace },
    ]
    const codes = new Set<string>()
    for (let index = 0; index < devices; index += 1) {
      const { name, person } = people[index % 2] as (typeof people)[number]
      const device = await startDevice(stack, { name: `Device ${index}` })
      codes.add(device.userCode)
      await person.open(device.link)
      await person.enterCode()
      if ((await person.heading()).startsWith('Sign in')) await person.logInAs(name)
      await person.approve()
      const answers = await Promise.all(Array.from({ length: 8 }, () => device.poll()))
      const tokens = new Set(answers.filter(({ status }) => status === 200).map(({ refresh_token }) => refresh_token))
      expect(tokens.size, JSON.stringify(answers.map(({ status, error }) => [status, error]))).toBe(1)
      const { access_token: token = '' } = answers.find(({ status }) => status === 200) ?? {}
      expect(claimsOf(token).sub).toBe(`dev:${name}`)
    }
    expect(codes.size).toBe(devices)
  },
)
