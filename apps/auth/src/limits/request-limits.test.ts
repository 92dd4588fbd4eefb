// What a caller without a token may ask how often, by address and in all.
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from '../harness/auth-server.ts'
import { basic, otherTerminal, robot, terminal } from '../harness/clients.ts'
import { askAsDevice, authorizePath, createPkce, errorOf } from '../harness/flows.ts'
import { limits as limitsOf } from './matrix.ts'
import { networkOf } from './network.ts'
import { createRequestLimits } from './request-limits.ts'

const behindProxy = { environment: { TRUST_PROXY: '127.0.0.1' } }
const plainBasic = ({ client_id: id, client_secret: secret }: { client_id: string; client_secret: string }) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
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
  expect(await server.metrics()).toMatch(/^gatehouse_alarms_total\{alarm="user_codes"\} [1-9]/m)

  const device = await askAsDevice(server)
  const elsewhere = server.openBrowser({ headers: from('203.0.113.8') })
  expect((await elsewhere.enterCode(device.userCode)).heading).toBe('Sign in to connect a device')
})

test('of ten thousand blocks the oldest makes room for one more', async () => {
  let now = 0
  const take = async () => ({ allowed: false, retryAfter: 60_000 })
  const giveBack = async () => undefined
  const limits = createRequestLimits({ take, giveBack }, { now: () => now, onBlocked: () => undefined })
  for (let client = 0; client <= 10_000; client += 1) {
    now += 1
    await limits.noteWrongSecret(`client-${client}`, '203.0.113.7')
    // what is set again is not the oldest
    if (client === 5_000) await limits.noteWrongSecret('client-0', '203.0.113.7')
  }
  const blocked = (client: number) => limits.blockedFor(`client-${client}`, '203.0.113.7') > 0
  expect([0, 1, 2, 10_000].map(blocked)).toEqual([true, false, true, true])
})

test('device requests that were refused use up no budget, their own or that of all', async () => {
  await using server = await startAuthServer(behindProxy)
  const ask = (fields: Record<string, string>) => server.post('/device_authorization', fields, from('203.0.113.7'))
  for (let asked = 0; asked < 130; asked += 1) expect((await ask({ client_id: 'nobody' })).status).toBeOneOf([400, 401])
  expect((await ask({ client_id: terminal.client_id })).status).toBe(200)
})

test('one network cannot fill the store with requests and sessions: the pages say when to come back', {
  timeout: 30_000,
}, async () => {
  await using server = await startAuthServer(behindProxy)
  const accept = 'text/html'
  for (const path of [authorizePath(createPkce().challenge), '/device']) {
    const open = (address: string) => server.get(path, { ...from(address), accept })
    for (let opened = 0; opened < 300; opened += 1) expect((await open('203.0.113.7')).status).toBeLessThan(400)
    const refused = await open('203.0.113.7')
    expect([refused.status, refused.headers['content-type']]).toEqual([429, 'text/html; charset=utf-8'])
    expect(refused.text).toContain('Too many requests came from your network')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(refused.headers['set-cookie']).toBeUndefined()
    expect(errorOf(await server.get(path, from('203.0.113.7')))).toEqual({
      status: 429,
      error: 'too_many_requests',
      cache: 'no-store',
    })
    expect((await open('203.0.113.8')).status).toBeLessThan(400)
    server.elapse(601)
    expect((await open('203.0.113.7')).status).toBeLessThan(400)
  }
})

test('an authorization request that nobody needs to be so long is refused before anything is kept', async () => {
  await using server = await startAuthServer()
  const open = (changes: Record<string, string>) =>
    server.get(authorizePath(createPkce().challenge, changes), { accept: 'text/html' })
  expect((await open({ state: 's'.repeat(2_048) })).status).toBe(303)
  for (const [changes, reason] of [
    [{ state: 's'.repeat(2_049) }, 'a state of more than 2048 characters'],
    [{ nonce: 'n'.repeat(8_192) }, 'a request of more than 8192 characters'],
  ] as const) {
    const { status, text, headers } = await open(changes)
    expect(status).toBe(400)
    expect(text).toContain(reason)
    expect(headers['set-cookie']).toBeUndefined()
  }
})

test('an IPv6 network of 48 bits counts as one address, and an IPv4 address is one however it is written', () => {
  expect(networkOf('2001:db8:1:2::1')).toBe(networkOf('2001:db8:1:ffff::9'))
  expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:2:2::1'))
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

verifies('D23', 'there are ten thousand live device codes at most, however many networks ask', async () => {
  const { device, device_by_page: byPage } = limitsOf
  expect(device.pots.newcomers + device.pots.shared + byPage.pots.newcomers + byPage.pots.shared).toBe(10_000)
  await using server = await startAuthServer(behindProxy)
  const ask = (address: string) =>
    server.post('/device_authorization', { client_id: terminal.client_id }, from(address))
  for (const [pot, limit] of Object.entries({ newcomers: device.pots.newcomers, shared: device.pots.shared }))
    for (let asked = pot === 'shared' ? 1 : 0; asked < limit; asked += 1)
      await server.store.attempts.take(`device:${pot}`, limit, 600_000)
  expect((await ask('203.0.113.1')).status).toBe(200)
  const full = await ask('203.0.113.2')
  expect(errorOf(full)).toEqual({ status: 429, error: 'too_many_requests', cache: 'no-store' })
  expect(full.headers['retry-after']).toBe('600')
  server.elapse(601)
  expect((await ask('203.0.113.2')).status).toBe(200)
})

verifies(
  'T22',
  'anyone who tries secrets is turned away for a while, from that address and for that client alone',
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
    expect(await server.metrics()).toMatch(/^gatehouse_alarms_total\{alarm="client_secret"\} [1-9]/m)

    const escaped = { ...robot, client_id: '%72obot', client_secret: robot.client_secret }
    const respelled = await server.token(
      { grant_type: 'client_credentials' },
      { ...plainBasic(escaped), ...from('203.0.113.7') },
    )
    expect(errorOf(respelled), 'the same client, escaped').toMatchObject({ status: 429 })

    expect((await ask(robot.client_secret, '203.0.113.8')).status).toBe(200)
    expect((await askAsDevice(server, { client_id: otherTerminal.client_id }, from('203.0.113.7'))).userCode).not.toBe(
      '',
    )
    server.elapse(61)
    expect((await ask(robot.client_secret)).status).toBe(200)
  },
)
