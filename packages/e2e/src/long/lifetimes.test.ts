// Lifetimes that pass for real, in real processes: what npm test checks with a clock that is moved by hand.
import { setTimeout as wait } from 'node:timers/promises'
import { createClientHome, promptOf, type Stack, startStack } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from '../harness/browser.ts'
import { startDevice } from '../harness/device.ts'

let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  const lifetimes = { accessToken: 2, refreshToken: 8 }
  ;[stack, browser] = await Promise.all([startStack({ lifetimes }), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), stack[Symbol.asyncDispose]()])
})

async function approve(link: string): Promise<void> {
  await using ada = await browser.person()
  await ada.open(link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await ada.approve()
}

test('an access token is refused soon after its life', async () => {
  const device = await startDevice(stack)
  await approve(device.link)
  const { access_token: token } = await device.poll()
  const call = () =>
    fetch(stack.resource, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    })
  expect((await call()).status).toBe(200)
  await wait(2000 + 30_000 + 2000) // its life, the tolerance of the resource server, and a margin
  const late = await call()
  expect(late.status).toBe(401)
  expect(late.headers.get('www-authenticate')).toContain('error="invalid_token"')
})

test('the command renews in silence while it is used, and says what to do once the sign-in has lapsed', async () => {
  using home = createClientHome(stack)
  await using first = home.run('call', 'greet', '{"name":"world"}')
  await approve((await promptOf(first)).link)
  expect((await first.exited).code, first.output()).toBe(0)

  for (let round = 1; round <= 4; round += 1) {
    await wait(3000)
    await using next = home.run('call', 'greet', `{"name":"round ${round}"}`)
    expect((await next.exited).code, next.output()).toBe(0)
    expect(next.stdout()).toContain(`Hello, round ${round}!`)
    expect(next.output()).not.toContain('user_code=')
  }

  await wait(9000)
  await using lapsed = home.run('token')
  expect((await lapsed.exited).code).not.toBe(0)
  expect(lapsed.stdout()).toBe('')
  expect(lapsed.stderr()).toMatch(/sign in again|login/i)
})
