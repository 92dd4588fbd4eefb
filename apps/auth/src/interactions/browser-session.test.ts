// What a browser keeps of a sign-in. Cookies of a loopback issuer reach every program that listens on this computer.
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { approvedDevice, authorizePath, createPkce, obtainCode } from '../harness/flows.ts'

const oneHour = 3_600
const signIn = 'Sign in'
const consent = 'An app wants to use your account'

/** When the browser forgets the session, in seconds since the epoch. */
function sessionEnd(cookies: readonly string[] | undefined): number {
  const cookie = cookies?.find((each) => each.startsWith('gatehouse_session='))
  return Date.parse(/; expires=([^;]+)/.exec(cookie ?? '')?.[1] ?? '') / 1000
}

verifies('N3', 'on a loopback issuer a sign-in lasts eight hours, however busy the browser is', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await obtainCode(server, { browser })
  const end = Math.floor(Date.now() / 1000) + 8 * oneHour
  for (let hour = 1; hour < 8; hour += 1) {
    server.elapse(oneHour)
    const page = await browser.open(authorizePath(createPkce().challenge))
    expect([hour, page.heading]).toEqual([hour, consent])
    await browser.approve()
  }
  server.elapse(oneHour - 2)
  expect((await browser.open(authorizePath(createPkce().challenge))).heading).toBe(consent)
  const { headers } = await server.get('/device', { cookie: cookieHeader(browser.cookies()) })
  expect(sessionEnd(headers['set-cookie'])).toBe(end)
  server.elapse(3)
  expect((await browser.open(authorizePath(createPkce().challenge))).heading).toBe(signIn)
})

verifies('N3', 'nor can configuration make it longer; it can make it shorter', async () => {
  for (const [session, hours] of [
    [14 * 86_400, 8],
    [2 * oneHour, 2],
  ] as const) {
    await using server = await startAuthServer({ environment: { AUTH_LIFETIMES: JSON.stringify({ session }) } })
    const browser = server.openBrowser()
    await obtainCode(server, { browser })
    server.elapse(hours * oneHour - 1)
    expect((await browser.open(authorizePath(createPkce().challenge))).heading).toBe(consent)
    server.elapse(2)
    expect((await browser.open(authorizePath(createPkce().challenge))).heading).toBe(signIn)
  }
})

verifies('N3', 'who signs in again has eight hours again', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  await obtainCode(server, { browser })
  server.elapse(7 * oneHour)
  await browser.open(authorizePath(createPkce().challenge, { prompt: 'login' }))
  await browser.logIn()
  await browser.approve()
  server.elapse(7 * oneHour)
  expect((await browser.open(authorizePath(createPkce().challenge))).heading).toBe(consent)
})

verifies('N3', 'no cookie holds a token, a code or anything about the person', async () => {
  await using server = await startAuthServer()
  const browser = server.openBrowser()
  const seen = new Map<string, string>()
  const look = () => {
    for (const path of ['/', new URL(browser.page.url).pathname])
      for (const [name, value] of Object.entries(browser.cookies(path))) seen.set(value, name)
  }
  await browser.open(authorizePath(createPkce().challenge))
  look()
  await browser.logIn('ada')
  look()
  await browser.approve()
  look()
  const { code, redeem } = await obtainCode(server, { browser })
  look()
  const { json } = await redeem()
  const device = await approvedDevice(server)
  const names = new Set(seen.values())
  expect(names).toContain('gatehouse_session')
  expect(names).toContain('gatehouse_interaction')
  const secrets = [code, json.access_token, json.refresh_token, device.deviceCode, device.userCode, 'ada']
  for (const [value, name] of seen) {
    expect([name, value]).toEqual([name, expect.stringMatching(/^[\w-]{20,64}$/)])
    for (const secret of secrets) expect(value).not.toContain(secret)
  }
})

test('scripts cannot read the cookies, other sites do not send them, and over https they have the strict prefix', async () => {
  await using server = await startAuthServer()
  const sent = (await server.get('/device')).headers['set-cookie'] ?? []
  expect(sent.map((cookie) => cookie.split('=')[0])).toEqual(['gatehouse_session', 'gatehouse_session.sig'])
  for (const cookie of sent) expect(cookie).toMatch(/^[^;]+; path=\/; samesite=lax; httponly(; expires=[^;]+)?$/i)

  await using secure = await startAuthServer({
    environment: {
      AUTH_ISSUER: 'https://auth.example.com',
      AUTH_SECRET: 'k7Vq2Zt0mB4xYw9Rj5Nd8Gh1Lc3Pf6Sa',
      GITHUB_CLIENT_ID: 'id',
      GITHUB_CLIENT_SECRET: 'upstream client secret',
      ALLOW_ANYONE: 'true',
    },
  })
  const { headers } = await secure.get('/device', { host: 'auth.example.com' })
  const names = (headers['set-cookie'] ?? []).map((cookie) => cookie.split('=')[0])
  expect(names).toEqual(['__Host-gatehouse_session', '__Host-gatehouse_session.sig'])
  for (const cookie of headers['set-cookie'] ?? [])
    expect(cookie).toMatch(/^[^;]+; path=\/; samesite=lax; secure; httponly(; expires=[^;]+)?$/i)
})

function cookieHeader(cookies: Readonly<Record<string, string>>): string {
  return Object.entries(cookies)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
}

provesSecrecy()
