// Before anybody approves an app, the page says which of their groups its tokens name.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeOpenIdProvider, type FakeOpenIdProvider } from '@gatehouse/testing'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Browser } from '../harness/browser.ts'
import { evidence, provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice, authorizePath, createPkce } from '../harness/flows.ts'

const tools = 'https://mcp.example.com/mcp'
const free = 'https://mcp.example.com/free'
const told = 'The server and the app are told that you are in:'

let folder: string
let oidc: FakeOpenIdProvider
let server: AuthServer

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-group-consent-'))
  oidc = await createFakeOpenIdProvider()
  oidc.users.set('ada', { sub: 'ada', claims: { groups: ['fin', 'all'] } })
  write(['finance', 'staff'])
  server = await startAuthServer({
    environment: {
      GATEHOUSE_CONFIG: join(folder, 'gatehouse.yaml'),
      AUTH_DEV_LOGIN: 'true',
      OIDC_ISSUER: oidc.issuer,
      OIDC_CLIENT_ID: oidc.clientId,
      OIDC_CLIENT_SECRET: oidc.clientSecret,
      OIDC_LABEL: 'corp',
    },
  })
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
  for (const token of oidc.issued) evidence.plant('upstream token', token)
  await oidc[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** Which groups tokens for the one endpoint name; those for the other name none. */
function write(groups: readonly string[]) {
  const file = {
    version: 1,
    endpoints: [
      { resource: tools, name: 'Tools', upstreams: ['ledger'], groups },
      { resource: free, name: 'Free', upstreams: ['docs'] },
    ],
    upstreams: { ledger: { command: ['x'] }, docs: { command: ['x'] } },
    groups: { finance: ['oidc-group:corp/fin'], staff: ['oidc-group:corp/all'], board: ['oidc-group:corp/board'] },
  }
  writeFileSync(join(folder, 'gatehouse.yaml'), JSON.stringify(file))
}

/** From our sign-in page to the page that asks. */
async function signIn(browser: Browser): Promise<string> {
  const button = /href="(\/interaction\/[^"]+\/login\/oidc)"/.exec(browser.page.html)?.[1] ?? ''
  const { leftTo } = await browser.open(button)
  const body = new URLSearchParams([...(leftTo?.searchParams ?? []), ['user', 'ada']])
  const answer = await fetch(`${oidc.issuer}/authorize`, { method: 'POST', body, redirect: 'manual' })
  const callback = answer.headers.get('location') ?? ''
  evidence.plant('upstream code', new URL(callback).searchParams.get('code'))
  return (await browser.open(callback, { 'sec-fetch-site': 'cross-site' })).text
}
async function onDevice(resource: string) {
  const [device, browser] = [await askAsDevice(server, { resource }), server.openBrowser()]
  await browser.enterCode(device.userCode)
  return { device, browser, text: await signIn(browser) }
}

test('a device, and an app in the browser, are told of those that the endpoint needs and the person is in', async () => {
  expect((await onDevice(tools)).text).toContain(`${told} finance, staff`)
  expect((await onDevice(free)).text).not.toContain('you are in')
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge, { resource: tools }))
  expect(await signIn(browser)).toContain(`${told} finance, staff`)
  oidc.users.set('ada', { sub: 'ada', claims: { groups: ['else'] } })
  expect((await onDevice(tools)).text).not.toContain('you are in')
})

test('who is in no group of a login that knows none reads nothing of groups', async () => {
  const [device, browser] = [await askAsDevice(server, { resource: tools }), server.openBrowser()]
  await browser.enterCode(device.userCode)
  expect((await browser.logIn('ada')).text).not.toContain('you are in')
})

test('what is approved is what was shown: a group that is named meanwhile brings the page again', async () => {
  write(['finance'])
  server.hangUp()
  const { device, browser, text } = await onDevice(tools)
  expect(text).toMatch(new RegExp(`${told} finance `))
  write(['finance', 'staff'])
  server.hangUp()
  await vi.waitFor(() => expect(server.log().match(/the file of the gateway was read/g)).toHaveLength(2))
  const again = await browser.approve()
  expect(again.heading).toBe('A device wants to use your account')
  expect(again.text).toContain(`${told} finance, staff`)
  expect((await device.poll()).json.error).toBe('authorization_pending')
  expect((await browser.approve()).heading).toBe('You are signed in on your device')
  server.elapse(6)
  const { json } = await device.poll()
  expect(decodeJwt(json.access_token ?? '').groups).toEqual(['finance', 'staff'])
})

provesSecrecy()
