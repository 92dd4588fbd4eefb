// What becomes of a sign-in when another tab has signed in as somebody else in between.
import { expect, test } from 'vitest'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import type { Browser } from '../../harness/browser.ts'
import { askAsDevice, authorizePath, createPkce } from '../../harness/flows.ts'

/** Sends the form of the sign-in page and does not follow the redirect: returns where it leads. */
async function signInWithoutFollowing(server: AuthServer, browser: Browser, name: string): Promise<string> {
  const { action, fields } = browser.page.forms.find((form) => form.action.endsWith('/login')) ?? {
    action: '/no-login',
    fields: {},
  }
  const { pathname } = new URL(action, server.issuer)
  const cookie = Object.entries(browser.cookies(pathname)).map((pair) => pair.join('='))
  const { headers } = await server.post(
    pathname,
    { ...fields, name },
    { accept: 'text/html', 'sec-fetch-site': 'same-origin', cookie: cookie.join('; ') },
  )
  return headers.location ?? ''
}

test('of two tabs that sign in as two people one is told that its request has expired', async () => {
  await using server = await startAuthServer()
  const open = {
    code: async (browser: Browser) => browser.open(authorizePath(createPkce().challenge)),
    device: async (browser: Browser) => browser.enterCode((await askAsDevice(server)).userCode),
  }
  for (const [flow, other] of [
    ['code', 'device'],
    ['device', 'code'],
  ] as const) {
    const tab = server.openBrowser()
    await open[flow](tab)
    const otherTab = tab.openTab()
    await open[other](otherTab)
    const back = await signInWithoutFollowing(server, tab, 'ada')
    expect(back).toMatch(flow === 'code' ? /\/authorize\/[\w-]+$/ : /\/device\/[\w-]+$/)
    await otherTab.logIn('grace')
    expect(otherTab.page.text).toContain('grace')

    const page = await tab.open(back)
    expect([page.status, page.heading]).toEqual([400, 'This request has expired'])
    expect(page.html).not.toContain('<script')
    expect(page.forms).toEqual([])
    expect(page.headers['content-security-policy']).toContain("default-src 'none'")
    expect((await tab.open(back)).status, 'and it stays so').toBe(400)
    // the other tab goes on
    const done = await otherTab.approve()
    if (other === 'code') expect(done.leftTo?.searchParams.get('code')).toMatch(/./)
    else expect(done.heading).toBe('You are signed in on your device')
  }
})
