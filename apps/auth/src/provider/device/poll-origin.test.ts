// Polls from elsewhere than the request for the code: often a phone that changed its network, at times somebody who has
// others approve. They are answered like any other, and noted.
import { verifies } from '@gatehouse/testing'
import { expect } from 'vitest'
import { startAuthServer } from '../../harness/auth-server.ts'
import { otherTerminal } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { askAsDevice, errorOf, refused } from '../../harness/flows.ts'

const note = 'a device code is polled from another network than it was asked for from'
const behindProxy = { environment: { TRUST_PROXY: '127.0.0.1', AUTH_DEV_LOGIN: 'true' } }
const from = (address: string) => ({ 'x-forwarded-for': address })

verifies('D25', 'a poll from another network is answered as any other, and noted with both addresses', async () => {
  await using server = await startAuthServer(behindProxy)
  const notes = () =>
    server
      .log()
      .split('\n')
      .filter((line) => line.includes(note))
      .map((line) => JSON.parse(line))
  const device = await askAsDevice(server, {}, from('203.0.113.7'))
  expect(errorOf(await device.poll({}, from('203.0.113.7')))).toEqual(refused(400, 'authorization_pending'))
  expect(notes()).toEqual([])

  server.elapse(5)
  expect(errorOf(await device.poll({}, from('198.51.100.9')))).toEqual(refused(400, 'authorization_pending'))
  expect(notes()).toMatchObject([
    { level: 30, clientId: 'terminal', askedFrom: '203.0.113.7', polledFrom: '198.51.100.9' },
  ])

  const browser = server.openBrowser({ headers: from('192.0.2.1') })
  await browser.enterCode(device.userCode)
  await browser.logIn()
  await browser.approve()
  expect((await device.poll({}, from('198.51.100.9'))).status).toBe(200)
  expect(notes()).toHaveLength(2)
})

verifies(
  'D25',
  'an address that moves within its own IPv6 network is the same, and a stranger is no poller',
  async () => {
    await using server = await startAuthServer(behindProxy)
    const device = await askAsDevice(server, {}, from('2001:db8:1:2::1'))
    await device.poll({}, from('2001:db8:1:2:abcd::9'))
    await device.poll({ client_id: otherTerminal.client_id }, from('198.51.100.9'))
    expect(server.log()).not.toContain(note)
  },
)

provesSecrecy()
