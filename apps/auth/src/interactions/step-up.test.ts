// The second approval, for more than the first: what is new is marked, as far as this browser knows what was there before.
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../harness/auth-server.ts'
import type { Browser } from '../harness/browser.ts'
import { otherTerminal, terminal } from '../harness/clients.ts'
import { askAsDevice, authorizePath, createPkce } from '../harness/flows.ts'

const scope = 'mcp:tools:read mcp:tools:call mcp:tools:notify'
const notify = 'Send you notifications while it works New'

/** The text of the page that asks for all scopes, and how often it says that one is new. */
async function askForAll(browser: Browser, clientId: string = terminal.client_id) {
  const { text } = await browser.open(authorizePath(createPkce().challenge, { client_id: clientId, scope }))
  return { text, marks: text.match(/ New\b/g)?.length ?? 0 }
}

async function approveOnDevice(server: AuthServer, browser: Browser, asked?: string): Promise<string> {
  const device = await askAsDevice(server, asked ? { scope: asked } : {})
  await browser.enterCode(device.userCode)
  if (browser.page.heading.startsWith('Sign in')) await browser.logIn('ada')
  await browser.approve()
  return (await device.poll()).json.refresh_token ?? ''
}

test('what an app asks for beyond what it has is marked, and nothing where it had nothing', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await approveOnDevice(server, browser)
  const more = await askForAll(browser)
  expect(more.text).toContain(notify)
  expect(more.marks).toBe(1)
  expect((await askForAll(browser, otherTerminal.client_id)).marks, 'another app').toBe(0)
  await approveOnDevice(server, browser, scope)
  expect((await askForAll(browser)).marks, 'it has all of it').toBe(0)
})

test('what was revoked, or was given by somebody else, does not count', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const refreshToken = await approveOnDevice(server, browser)
  expect((await askForAll(browser)).marks).toBe(1)
  await browser.switchAccount()
  expect((await browser.logIn('bob')).text).not.toContain(notify)

  const again = server.openBrowser()
  await approveOnDevice(server, again)
  await server.post('/revoke', { client_id: terminal.client_id, token: refreshToken })
  expect((await askForAll(again)).marks, 'the grant of the other browser').toBe(1)
  const revoked = await approveOnDevice(server, again)
  await server.post('/revoke', { client_id: terminal.client_id, token: revoked })
  expect((await askForAll(again)).marks).toBe(0)
})
