// The pages for everybody: axe finds nothing, a keyboard is enough, and they work on a small phone, at twice the size
// and without JavaScript.
import { type Stack, startStack } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from './harness/browser.ts'
import { startDevice } from './harness/device.ts'
import { objections } from './harness/objections.ts'

let stack: Stack
let browser: PersonBrowser

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack({ services: ['auth'] }), openBrowser()])
})
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), stack[Symbol.asyncDispose]()])
})

test('axe has nothing to say about any page on the way', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  const found: string[] = []
  const look = async () => found.push(...(await objections(ada)))
  await ada.open(stack.issuer)
  await ada.photograph('home')
  await look()
  await ada.open(`${stack.issuer}/nothing-here`)
  await look()
  await ada.open(`${stack.issuer}/device`)
  await ada.enterCode('WRNG-WRNG')
  await look()
  await ada.open(device.link)
  await look()
  await ada.enterCode()
  await look()
  await ada.logInAs('!')
  await look()
  await ada.logInAs('ada')
  await look()
  await ada.approve()
  await look()
  await ada.open(`${stack.issuer}/logout`)
  await look()
  await ada.page.getByRole('button', { name: 'Sign out' }).click()
  await ada.page.getByRole('heading', { name: 'You are signed out' }).waitFor()
  await look()
  expect(found).toEqual([])
})

test('a keyboard alone signs in and approves, and always shows where it is', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person()
  const { page } = ada
  /** Presses Tab until the element of this role and name has the focus. */
  const tabTo = async (role: 'textbox' | 'button', name: string) => {
    const target = page.getByRole(role, { name })
    for (let presses = 0; presses < 30; presses += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) {
        const visible = await target.evaluate((element) => {
          const { outlineStyle, boxShadow } = getComputedStyle(element)
          return outlineStyle !== 'none' || boxShadow !== 'none'
        })
        expect(visible, `${name} shows its focus`).toBe(true)
        return
      }
      await page.keyboard.press('Tab')
    }
    throw new Error(`Tab never reaches ${name}`)
  }
  await ada.open(`${stack.issuer}/device`)
  await tabTo('textbox', 'Code on your device')
  await page.keyboard.type(device.userCode.toLowerCase())
  await page.keyboard.press('Enter')
  await page.waitForURL(/interaction/)
  await tabTo('textbox', 'What to call you')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('ada')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'A device wants to use your account' }).waitFor()
  await tabTo('button', 'Approve')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'You are signed in on your device' }).waitFor()
  expect((await device.poll()).status).toBe(200)
})

test('at 320 pixels and without JavaScript no page scrolls sideways and the login works', async () => {
  const device = await startDevice(stack)
  await using ada = await browser.person({ javaScriptEnabled: false, viewport: { width: 320, height: 568 } })
  const sideways: string[] = []
  const measure = async () => {
    const width = await ada.page.evaluate(() => document.documentElement.scrollWidth)
    if (width > 320) sideways.push(`${await ada.heading()}: ${width}`)
  }
  await ada.open(device.link)
  await measure()
  await ada.enterCode()
  await measure()
  await ada.logInAs('ada')
  await measure()
  await ada.approve()
  await measure()
  expect(sideways).toEqual([])
  expect((await device.poll()).status).toBe(200)
})
