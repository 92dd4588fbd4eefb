// Polls that are held, over the wire: what ends a hold, and what is answered then. A test whose hold is thirty seconds would
// time out if it were not ended.
import { request as send } from 'node:http'
import { verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../../errors.ts'
import { type AuthServer, startAuthServer } from '../../harness/auth-server.ts'
import {
  basic,
  type ClientMetadata,
  deviceGrant,
  otherTerminal,
  staticClients,
  terminal,
} from '../../harness/clients.ts'
import { askAsDevice, errorOf, refused } from '../../harness/flows.ts'
import { encodeForm } from '../../harness/http.ts'
import type { DeviceCodeStore, Store } from '../../store/contract.ts'

const pending = refused(400, 'authorization_pending')
const slowDown = refused(400, 'slow_down')
const long = { environment: { AUTH_HOLD_SECONDS: '30' } }
const short = { environment: { AUTH_HOLD_SECONDS: '0.2' } }

/** A confidential client of a device. */
const appliance = {
  ...terminal,
  client_id: 'appliance',
  client_secret: 'secret-of-the-appliance-0123456789',
  token_endpoint_auth_method: 'client_secret_basic',
} satisfies ClientMetadata

async function openConfirmation(server: AuthServer, userCode: string) {
  const browser = server.openBrowser()
  await browser.enterCode(userCode)
  await browser.logIn()
  return browser
}

const heldNow = (server: AuthServer, count: number) =>
  expect.poll(() => server.metrics(), { timeout: 5_000 }).toMatch(new RegExp(`^gatehouse_held_polls ${count}$`, 'm'))
const ended = async (server: AuthServer, end: string) =>
  Number(new RegExp(`^gatehouse_held_polls_total{end="${end}"} (\\d+)`, 'm').exec(await server.metrics())?.[1] ?? 0)

/** A store some of whose calls for device codes are others. */
const withDeviceCodes = (change: (codes: DeviceCodeStore) => Partial<DeviceCodeStore>) => (store: Store) => ({
  ...store,
  deviceCodes: { ...store.deviceCodes, ...change(store.deviceCodes) },
})

verifies('D4', 'an approval answers the poll that waits for it, of a public and of a confidential client', async () => {
  await using server = await startAuthServer({ ...long, clients: [...staticClients, appliance] })
  const clients = [
    { fields: { client_id: terminal.client_id }, headers: {} },
    { fields: {}, headers: basic(appliance) },
  ]
  for (const { fields, headers } of clients) {
    const { json } = await server.post('/device_authorization', fields, headers)
    const poll = server.token({ grant_type: deviceGrant, device_code: String(json.device_code), ...fields }, headers)
    const browser = await openConfirmation(server, String(json.user_code))
    await heldNow(server, 1)
    await browser.approve()
    const { status, text } = await poll
    expect(status, text).toBe(200)
    await heldNow(server, 0)
  }
  expect(await ended(server, 'decided')).toBe(2)
})

verifies('D6', 'a refusal answers the poll that waits, too', async () => {
  await using server = await startAuthServer(long)
  const device = await askAsDevice(server)
  const poll = device.poll()
  await (await openConfirmation(server, device.userCode)).refuse()
  expect(errorOf(await poll)).toEqual(refused(400, 'access_denied'))
  expect(errorOf(await device.poll())).toEqual(refused(400, 'access_denied'))
})

verifies('D4', 'without a decision the answer comes at the end of the hold', async () => {
  await using server = await startAuthServer(short)
  const device = await askAsDevice(server)
  expect(errorOf(await device.poll())).toEqual(pending)
  expect(await ended(server, 'lapsed')).toBe(1)
})

verifies('D5', 'the pace counts from the end of the hold', async () => {
  await using server = await startAuthServer({
    environment: { ...short.environment, AUTH_LIFETIMES: '{"deviceInterval":1}' },
  })
  const device = await askAsDevice(server)
  for (let round = 0; round < 3; round += 1) {
    const poll = device.poll()
    await heldNow(server, 1)
    server.elapse(0.15)
    expect(errorOf(await poll)).toEqual(pending)
    server.elapse(1)
  }
  const poll = device.poll()
  await heldNow(server, 1)
  server.elapse(0.15)
  expect(errorOf(await poll)).toEqual(pending)
  server.elapse(0.4)
  expect(errorOf(await device.poll()), 'less than the interval after the answer').toEqual(slowDown)
})

verifies(['D5', 'N12'], 'a second poll is slow_down at once, and the one that is held stays held', async () => {
  await using server = await startAuthServer(long)
  const device = await askAsDevice(server)
  const poll = device.poll()
  await heldNow(server, 1)
  expect(errorOf(await device.poll({}, { prefer: 'wait=30' }))).toEqual(slowDown)
  await heldNow(server, 1)
  await (await openConfirmation(server, device.userCode)).approve()
  expect((await poll).status).toBe(200)
})

verifies(['D5', 'D8'], 'a poll of another client is not held, and does the one that is no harm', async () => {
  await using server = await startAuthServer(long)
  const device = await askAsDevice(server)
  const poll = device.poll()
  await heldNow(server, 1)
  expect(errorOf(await device.poll({ client_id: otherTerminal.client_id }))).toEqual(refused(400, 'invalid_grant'))
  await heldNow(server, 1)
  await (await openConfirmation(server, device.userCode)).approve()
  expect((await poll).status).toBe(200)
})

verifies('D10', 'a device that hung up does not use its code up', async () => {
  await using server = await startAuthServer(long)
  const device = await askAsDevice(server)
  const browser = await openConfirmation(server, device.userCode)
  const request = send({
    host: '127.0.0.1',
    port: server.port,
    path: '/token',
    method: 'POST',
    headers: { host: new URL(server.issuer).host, 'content-type': 'application/x-www-form-urlencoded' },
  })
  request.on('error', () => undefined)
  request.end(encodeForm({ grant_type: deviceGrant, device_code: device.deviceCode, client_id: terminal.client_id }))
  await heldNow(server, 1)
  request.destroy()
  await heldNow(server, 0)
  expect(await ended(server, 'hung_up')).toBe(1)
  await browser.approve()
  expect((await device.poll()).status).toBe(200)
  expect(server.log(), 'it is the first answer').not.toContain('presented again')
})

verifies('D7', 'a hold ends when the code does', async () => {
  await using server = await startAuthServer({
    environment: { ...long.environment, AUTH_LIFETIMES: '{"deviceCode":1}' },
  })
  const device = await askAsDevice(server)
  const poll = device.poll()
  await heldNow(server, 1)
  server.elapse(1)
  expect(errorOf(await poll)).toEqual(refused(400, 'expired_token'))
})

test('the word of a decision that is lost costs no more than the rest of the hold', async () => {
  await using server = await startAuthServer({
    environment: { AUTH_HOLD_SECONDS: '2' },
    wrapStore: withDeviceCodes(() => ({ watch: () => () => undefined })),
  })
  const device = await askAsDevice(server)
  const browser = await openConfirmation(server, device.userCode)
  const poll = device.poll()
  await heldNow(server, 1)
  await browser.approve()
  expect((await poll).status).toBe(200)
})

test('news of nothing is looked at, and the poll stays held', async () => {
  const listeners: (() => void)[] = []
  await using server = await startAuthServer({
    ...long,
    wrapStore: withDeviceCodes((codes) => ({
      watch(id, onNews) {
        listeners.push(onNews)
        return codes.watch(id, onNews)
      },
    })),
  })
  const device = await askAsDevice(server)
  const poll = device.poll()
  await heldNow(server, 1)
  const browser = await openConfirmation(server, device.userCode)
  for (const onNews of listeners) onNews()
  await heldNow(server, 1)
  await browser.approve()
  expect((await poll).status).toBe(200)
})

verifies('X1', 'a store that is away in a hold is a 503 at its end, unless it is back by then', async () => {
  const away = { looks: false, ends: false }
  const listeners: (() => void)[] = []
  const unavailable = async (): Promise<never> => {
    throw new StoreUnavailableError()
  }
  await using server = await startAuthServer({
    ...short,
    wrapStore: (store) => ({
      ...withDeviceCodes((codes) => ({
        endPoll: (id) => (away.ends ? unavailable() : codes.endPoll(id)),
        watch(id, onNews) {
          listeners.push(onNews)
          return codes.watch(id, onNews)
        },
      }))(store),
      records: {
        ...store.records,
        find: (model, id) => (away.looks ? unavailable() : store.records.find(model, id)),
      },
    }),
  })
  const device = await askAsDevice(server)
  const first = device.poll()
  await heldNow(server, 1)
  away.looks = true
  for (const onNews of listeners) onNews()
  expect(errorOf(await first), 'away in the middle alone').toEqual(pending)
  away.looks = false
  server.elapse(5)
  const second = device.poll()
  await heldNow(server, 1)
  away.ends = true
  const answer = await second
  expect(errorOf(answer)).toEqual(refused(503, 'temporarily_unavailable'))
  expect(answer.headers['retry-after']).toBe('1')
  await heldNow(server, 0)
})

test('who closes answers all that wait, and holds nothing more', async () => {
  await using server = await startAuthServer(long)
  const devices = await Promise.all(Array.from({ length: 20 }, () => askAsDevice(server)))
  const polls = devices.map(({ poll }) => poll())
  await heldNow(server, 20)
  const closing = server.app.close()
  const answers = await Promise.all(polls)
  expect(answers.map(errorOf)).toEqual(answers.map(() => pending))
  await closing
})

verifies(
  'D3',
  'the interval that a device is told goes with the hold: five seconds from one poll to the next',
  async () => {
    for (const [hold, interval] of [
      ['0', 5],
      ['2', 3],
      ['4.5', 1],
      ['30', 1],
    ] as const) {
      await using server = await startAuthServer({ environment: { AUTH_HOLD_SECONDS: hold } })
      const { json } = await server.post('/device_authorization', { client_id: terminal.client_id })
      expect([hold, json.interval]).toEqual([hold, interval])
    }
  },
)
