// The way back for anyone who approved what they should not have, or lost a laptop: the page of connected apps, in a real
// browser, with our own command as the app and two replicas behind one address.
import { setTimeout as wait } from 'node:timers/promises'
import { createClientHome, promptOf, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type Person, type PersonBrowser } from './harness/browser.ts'
import { claimsOf } from './harness/claims.ts'
import { startDevice } from './harness/device.ts'
import { objections } from './harness/objections.ts'
import { secretsInLogs } from './harness/secrets.ts'
import { type Cluster, startCluster } from './replicas/cluster.ts'
import { introspect } from './replicas/wire.ts'

/** Seconds. Our command renews a token at half its life. */
const accessTokenLifetime = 8

let cluster: Cluster
let browser: PersonBrowser

beforeAll(async () => {
  ;[cluster, browser] = await Promise.all([
    startCluster({ auth: 2, mcp: 1, lifetimes: { accessToken: accessTokenLifetime } }),
    openBrowser(),
  ])
}, 60_000)
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()])
})

/** Approves whatever waits at this address. */
async function approveAt(link: string, person: Person, name: string): Promise<void> {
  await person.open(link)
  await person.enterCode()
  if ((await person.heading()).startsWith('Sign in')) await person.logInAs(name)
  await person.approve()
}

const main = ({ page }: Person) => page.getByRole('main').innerText()
const disconnect = ({ page }: Person, name: string) => page.getByRole('button', { name: `Disconnect ${name}` })

verifies(
  'D18',
  'what was approved on a device ends by one click, at another replica too: at once where anybody asks, and for our command with its access token',
  async () => {
    const { door } = cluster.auth
    using home = createClientHome(cluster)
    await using login = home.run('login')
    door.use(0)
    const { code, link } = await promptOf(login)
    await using ada = await browser.person()
    await approveAt(link, ada, 'ada')
    expect((await login.exited).code, login.output()).toBe(0)
    await using print = home.run('token')
    expect((await print.exited).code, print.output()).toBe(0)
    const token = print.stdout().trim()
    expect((await introspect(cluster, token)).json).toMatchObject({ active: true, sub: 'dev:ada' })

    door.use(1)
    await ada.page.getByRole('link', { name: /\/apps$/ }).click()
    expect(await ada.heading()).toBe('Connected apps')
    expect(await main(ada)).toMatch(/for a device: a Node program|for a device: the Gatehouse client/)
    await ada.photograph('connected-apps-one')
    await disconnect(ada, '').click()
    await ada.page.getByRole('status').waitFor()
    expect(await ada.page.getByRole('status').innerText()).toMatch(/is disconnected.*up to 8 seconds more/s)
    await ada.photograph('connected-apps-none')

    door.use(0)
    expect((await introspect(cluster, token)).json, 'at once, at the other replica').toEqual({ active: false })
    door.use()
    const { exp = 0 } = claimsOf(token) as { exp?: number }
    await wait(Math.max(0, exp * 1000 - Date.now()) + 500)
    await using call = home.run('call', 'greet', '{"name":"world"}')
    expect((await call.exited).code, call.output()).not.toBe(0)
    expect(call.stdout()).toBe('')
    expect(call.stderr()).toContain('The server does not accept this sign-in any more')
    expect(call.stderr()).toContain('Sign in again')
    expect(cluster.logs()).toContain('a person disconnected an app')
    expect(secretsInLogs(cluster.logs(), { home: home.path, codes: [code], others: [token] })).toEqual([])
  },
)

test('several apps: each by itself by keyboard, then all; for everybody, on a phone, without JavaScript', async () => {
  const names = ['Recipe box', 'GitHub', 'A name that is much longer than anybody would ever want to call an app']
  const devices = await Promise.all(names.map((name) => startDevice(cluster, { name })))
  await using grace = await browser.person({ javaScriptEnabled: false })
  for (const { link } of devices) await approveAt(link, grace, 'grace')
  const polls = async () => Promise.all(devices.map(async ({ poll }) => (await poll()).status))
  expect(await polls()).toEqual([200, 200, 200])

  await using elsewhere = await browser.person()
  const { page } = elsewhere
  await elsewhere.open(`${cluster.issuer}/apps`)
  expect(await elsewhere.heading()).toBe('Sign in')
  await elsewhere.photograph('connected-apps-login')
  const found = await objections(elsewhere)
  await elsewhere.logInAs('grace')
  expect(await elsewhere.heading()).toBe('Connected apps')
  await elsewhere.photograph('connected-apps')
  found.push(...(await objections(elsewhere)))
  await page.setViewportSize({ width: 320, height: 568 })
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)

  const target = disconnect(elsewhere, 'Recipe box')
  for (let presses = 0; presses < 20; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) break
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await page.getByRole('status').waitFor()
  expect(await page.getByRole('status').innerText()).toContain('Recipe box is disconnected.')
  await elsewhere.photograph('connected-apps-less')
  found.push(...(await objections(elsewhere)))
  expect(found).toEqual([])

  await grace.open(`${cluster.issuer}/apps`)
  expect(await disconnect(grace, 'Recipe box').count()).toBe(0)
  await grace.page.getByRole('button', { name: 'Disconnect all' }).click()
  expect(await main(grace)).toContain('No app and no device is connected to your account.')
})
