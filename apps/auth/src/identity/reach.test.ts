import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { provesSecrecy } from '../harness/evidence.ts'
import { askAsDevice } from '../harness/flows.ts'
import { type DeveloperOrigin, refuseDeveloperLogin } from './reach.ts'

const here: DeveloperOrigin = {
  peer: '127.0.0.1',
  client: '127.0.0.1',
  forwarding: { any: false, once: false },
  trustProxy: [],
  explicit: false,
}
const onlyAddress = { any: true, once: true }
const more = { any: true, once: false }
const mayEnter = (origin: Partial<DeveloperOrigin>) => refuseDeveloperLogin({ ...here, ...origin }) === undefined

verifies('N2', 'the developer login answers this computer, under each of its addresses', () => {
  for (const peer of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'])
    expect([peer, mayEnter({ peer, client: peer })]).toEqual([peer, true])
})

verifies('N2', 'the developer login answers no other peer unless the operator asked for it by name', () => {
  for (const peer of ['192.168.1.7', '10.0.0.1', '203.0.113.7', '::ffff:192.168.1.7', 'fe80::1', '0.0.0.0', '']) {
    expect([peer, mayEnter({ peer, client: peer })]).toEqual([peer, false])
    expect([peer, mayEnter({ peer, client: peer, explicit: true })]).toEqual([peer, true])
  }
  expect(mayEnter({ peer: undefined })).toBe(false)
})

verifies('N2', 'a forwarding header from anybody but our own proxy is refused, asked for by name or not', () => {
  for (const explicit of [true, false]) {
    expect(mayEnter({ forwarding: onlyAddress, explicit })).toBe(false)
    expect(mayEnter({ forwarding: onlyAddress, explicit, trustProxy: ['10.0.0.0/8', '::1'] })).toBe(false)
    expect(mayEnter({ forwarding: more, explicit, trustProxy: ['127.0.0.0/8'] })).toBe(false)
  }
})

verifies(
  'N2',
  'behind our own proxy it answers this computer, or anyone who comes if the operator asked for it by name',
  () => {
    const proxied = { forwarding: onlyAddress, trustProxy: ['127.0.0.0/8'] }
    expect(mayEnter({ ...proxied, client: '127.0.0.1' })).toBe(true)
    expect(mayEnter({ ...proxied, client: '203.0.113.7' })).toBe(false)
    expect(mayEnter({ ...proxied, client: '203.0.113.7', explicit: true })).toBe(true)
    const inCompose = {
      forwarding: onlyAddress,
      peer: '172.18.0.2',
      client: '172.18.0.1',
      trustProxy: ['172.18.0.0/16'],
    }
    expect(mayEnter(inCompose)).toBe(false)
    expect(mayEnter({ ...inCompose, explicit: true })).toBe(true)
  },
)

const sentByTunnels = {
  forwarded: 'for=203.0.113.7',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-host': 'tunnel.example',
  'x-forwarded-proto': 'http',
  'x-real-ip': '127.0.0.1',
  'cf-connecting-ip': '203.0.113.7',
  'true-client-ip': '203.0.113.7',
  via: '1.1 tunnel.example',
}

verifies(
  'N2',
  'on the wire a forwarding header makes the sign-in a refusal that says why, and signs nobody in, whatever our own proxy adds',
  async () => {
    for (const environment of [{}, { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' }]) {
      await using server = await startAuthServer({ environment })
      const added = environment.TRUST_PROXY === undefined ? undefined : '127.0.0.1'
      for (const [header, value] of Object.entries(sentByTunnels)) {
        const { userCode } = await askAsDevice(server)
        const addresses = [header === 'x-forwarded-for' ? value : undefined, added].filter(Boolean).join(', ')
        const headers = { [header]: value, ...(addresses && { 'x-forwarded-for': addresses }) }
        const browser = server.openBrowser({ headers })
        await browser.enterCode(userCode)
        const page = await browser.logIn()
        expect([header, page.status, page.heading]).toEqual([header, 403, 'Sign in to connect a device'])
        expect(page.text).toContain('does not answer through a tunnel')
      }
      const browser = server.openBrowser(added ? { headers: { 'x-forwarded-for': added } } : {})
      await browser.enterCode((await askAsDevice(server)).userCode)
      expect((await browser.logIn()).status).toBe(200)
    }
  },
)

test('without any login the page says so and the form is not there', async () => {
  await using server = await startAuthServer({ environment: { AUTH_DEV_LOGIN: 'false' } })
  const browser = server.openBrowser()
  const page = await browser.enterCode((await askAsDevice(server)).userCode)
  expect(page.text).toContain('Nobody can sign in here yet.')
  const { action = '', fields = {} } = page.forms.find((form) => form.action.endsWith('/cancel')) ?? {}
  const cookie = Object.entries(browser.cookies(action)).map(([name, value]) => `${name}=${value}`)
  const answer = await server.post(
    action.replace('cancel', 'login'),
    { ...fields, name: 'ada' },
    { cookie: cookie.join('; '), accept: 'text/html' },
  )
  expect(answer.status).toBe(403)
  expect(answer.text).toContain('not available here')
})

provesSecrecy()
