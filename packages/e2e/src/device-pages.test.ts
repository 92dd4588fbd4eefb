// What a person can meet on the way to an approved device, other than the straight path.
import { setTimeout as wait } from 'node:timers/promises'
import { type Stack, startStack, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser, personAt } from './harness/browser.ts'
import { claimsOf } from './harness/claims.ts'
import { startDevice } from './harness/device.ts'
import { secretsInLogs } from './harness/secrets.ts'

let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack({ services: ['auth'] }), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), stack[Symbol.asyncDispose]()])
})

verifies('D15', 'opening the link fills in the code and nothing more', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  expect(await ada.heading()).toBe('Connect a device')
  expect(await ada.page.getByLabel('Code on your device').inputValue()).toBe(device.userCode)
  expect((await device.poll()).error).toBe('authorization_pending')
})

verifies('D6', 'after a refusal the device is told so', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await ada.refuse()
  expect(await ada.heading()).toBe('Nothing was shared')
  expect(await device.poll()).toMatchObject({ status: 400, error: 'access_denied' })
})

verifies(['D12', 'D21'], 'a wrong and a used code get the same answer, and what was typed stays', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(`${stack.issuer}/device`)
  await ada.enterCode('bcdf ghjk')
  const wrong = await ada.seeProblem()
  expect(wrong).toMatch(/wrong or too old/)
  expect(await ada.page.getByLabel('Code on your device').inputValue()).toBe('BCDF-GHJK')
  await ada.photograph('device-entry-wrong')

  await ada.enterCode(device.userCode.toLowerCase().replace('-', ' '))
  await ada.logInAs('ada')
  await ada.approve()
  expect((await device.poll()).status).toBe(200)

  await ada.open(`${stack.issuer}/device`)
  await ada.enterCode(device.userCode)
  expect(await ada.seeProblem()).toBe(wrong)
})

test('another account can be chosen before approving', async () => {
  const device = await startDevice(stack)
  await using somebody = await browser.person()
  await somebody.open(device.link)
  await somebody.enterCode()
  await somebody.logInAs('ada')
  await somebody.switchAccount()
  await somebody.logInAs('grace')
  expect(await somebody.page.getByRole('main').innerText()).toContain('dev:grace')
  await somebody.approve()
  const { access_token: token = '' } = await device.poll()
  expect(claimsOf(token).sub).toBe('dev:grace')
})

test('cancelling the sign-in shares nothing', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.enterCode()
  await ada.cancel()
  expect(await ada.heading()).toBe('Nothing was shared')
  expect((await device.poll()).error).toBe('access_denied')
})

verifies('D13', 'a form that lost its session leads back to the form with a notice, and still works', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.context.clearCookies()
  await ada.enterCode()
  expect(await ada.heading()).toBe('Connect a device')
  expect(await ada.seeProblem()).not.toBe('')
  await ada.photograph('device-entry-session-lost')
  await ada.enterCode()
  await ada.logInAs('ada')
  await ada.approve()
  expect((await device.poll()).status).toBe(200)
})

verifies('D16', 'a code that one browser entered cannot be approved in another', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.enterCode()
  await ada.logInAs('ada')
  const approval = ada.page.url()

  await using mallory = await browser.person()
  await mallory.open(approval)
  expect(await mallory.page.getByRole('button', { name: 'Approve' }).count()).toBe(0)
  expect((await device.poll()).error).toBe('authorization_pending')
})

test('a second tab with another code does not break the first', async () => {
  const [left, right] = [await startDevice(stack, { name: 'Left' }), await startDevice(stack, { name: 'Right' })]
  await using ada = await browser.person()
  await ada.open(left.link)
  const other = personAt(ada.context, await ada.context.newPage())
  await other.open(right.link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await other.enterCode()
  if ((await other.heading()).startsWith('Sign in')) await other.logInAs('ada')
  expect(await other.page.getByRole('main').innerText()).toContain('Right')
  await ada.approve()
  expect(await ada.heading()).toBe('You are signed in on your device')
  await other.approve()
  expect(await other.heading()).toBe('You are signed in on your device')
  expect((await left.poll()).status).toBe(200)
  expect((await right.poll()).status).toBe(200)
})

test('going back after the approval shows no second approval and never a fault', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await ada.approve()
  await ada.page.goBack()
  const status = await ada.page.reload()
  expect(status?.status() ?? 200).toBeLessThan(500)
  expect(await ada.page.getByRole('heading', { level: 1 }).count()).toBe(1)
  expect(await ada.page.getByRole('link').count(), 'a next step').toBeGreaterThan(0)
  await ada.photograph('device-back-after-approval')
  await ada.page.goForward()
  expect((await device.poll()).status).toBe(200)
})

test('a page that does not exist says so and shows a way on', async () => {
  await using ada = await browser.person()
  const response = await ada.page.goto(`${stack.issuer}/interaction/nothing-here`)
  expect(response?.status()).toBeGreaterThanOrEqual(400)
  expect(response?.status()).toBeLessThan(500)
  expect(await ada.page.getByRole('heading', { level: 1 }).count()).toBe(1)
  expect(await ada.page.getByRole('link').count()).toBeGreaterThan(0)
  await ada.photograph('error')
})

verifies('D7', 'an approval that comes too late is told so on the page, and the device learns it too', async () => {
  await using short = await startStack({ services: ['auth'], lifetimes: { deviceCode: 3 } })
  const device = await startDevice(short)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await wait(3500)
  await ada.approve()
  expect(await ada.heading()).toMatch(/expired/)
  await ada.photograph('device-expired')
  expect((await device.poll()).error).toBe('expired_token')
})

test('no user code, device code or token is in the logs', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  await ada.open(device.link)
  await ada.enterCode()
  await ada.logInAs('ada')
  await ada.approve()
  const { access_token, refresh_token } = await device.poll()
  expect(access_token).toBeTypeOf('string')
  const cookies = (await ada.context.cookies()).map(({ value }) => value).filter((value) => value.length > 8)
  const others = [device.deviceCode, access_token, refresh_token, ...cookies]
  expect(secretsInLogs(stack.logs(), { codes: [device.userCode], others })).toEqual([])
})
