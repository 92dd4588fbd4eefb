// What whoever has no token yet may ask how often, by address and in all.
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../suites/auth-server.ts'
import { basic, otherTerminal, robot, terminal } from '../suites/clients.ts'
import { askAsDevice, errorOf } from '../suites/flows.ts'
import { networkOf } from './budgets.ts'

const behindProxy = { environment: { TRUST_PROXY: '127.0.0.1' } }
const from = (address: string) => ({ 'x-forwarded-for': address })

verifies('D11', 'thirty wrong codes from one address are the last for a while, whatever the session', async () => {
  await using server = await startAuthServer(behindProxy)
  const statuses: number[] = []
  for (let sessions = 0; sessions < 7; sessions += 1) {
    const browser = server.openBrowser({ headers: from('203.0.113.7') })
    for (let codes = 0; codes < 5; codes += 1) statuses.push((await browser.enterCode('BBBB-BBBB')).status)
  }
  expect(statuses.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 400))
  expect(statuses.slice(30)).toEqual(Array.from({ length: 5 }, () => 429))
  expect(server.log()).toContain('too many wrong device codes')

  const device = await askAsDevice(server)
  const elsewhere = server.openBrowser({ headers: from('203.0.113.8') })
  expect((await elsewhere.enterCode(device.userCode)).heading).toBe('Sign in to connect a device')
})

test('an IPv6 network counts as one address, and an IPv4 address is one however it is written', () => {
  expect(networkOf('2001:db8:1:2::1')).toBe(networkOf('2001:db8:1:2:ffff::9'))
  expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:1:3::1'))
  expect(networkOf('::ffff:203.0.113.7')).toBe(networkOf('203.0.113.7'))
})

verifies(
  'D23',
  'a flood of device requests from one address is told when to come back, and others are served',
  async () => {
    await using server = await startAuthServer(behindProxy)
    const ask = (address: string) =>
      server.post('/device_authorization', { client_id: terminal.client_id }, from(address))
    for (let asked = 0; asked < 120; asked += 1) expect((await ask('203.0.113.7')).status).toBe(200)
    const flood = await ask('203.0.113.7')
    expect(errorOf(flood)).toEqual({ status: 429, error: 'too_many_requests', cache: 'no-store' })
    expect(Number(flood.headers['retry-after'])).toBeGreaterThan(0)
    expect((await ask('203.0.113.8')).status).toBe(200)
    server.elapse(601)
    expect((await ask('203.0.113.7')).status).toBe(200)
  },
)

verifies(
  'T22',
  'whoever tries secrets is turned away for a while, from that address and for that client alone',
  async () => {
    await using server = await startAuthServer(behindProxy)
    const ask = (
      secret: string,
      address = '203.0.113.7',
      client: { client_id: string; client_secret?: string } = robot,
    ) =>
      server.token(
        { grant_type: 'client_credentials' },
        { ...basic({ ...client, client_secret: secret }), ...from(address) },
      )
    const statuses: number[] = []
    for (let tries = 0; tries < 23; tries += 1) statuses.push((await ask(`wrong secret number ${tries}`)).status)
    expect(statuses.slice(0, 21)).toEqual(Array.from({ length: 21 }, () => 401))
    expect(statuses.slice(21)).toEqual([429, 429])
    const blocked = await ask(robot.client_secret)
    expect(errorOf(blocked), 'the right secret, too: it may have been found').toMatchObject({ status: 429 })
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0)
    expect(server.log()).toContain('wrong secrets too often')

    expect((await ask(robot.client_secret, '203.0.113.8')).status).toBe(200)
    expect((await askAsDevice(server, { client_id: otherTerminal.client_id }, from('203.0.113.7'))).userCode).not.toBe(
      '',
    )
    server.elapse(61)
    expect((await ask(robot.client_secret)).status).toBe(200)
  },
)
