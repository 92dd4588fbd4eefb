// The short way of a poll answers as the engine does, and is open to nothing else. More of the same: short-polls.full.test.ts.
import { randomUUID } from 'node:crypto'
import { request as send } from 'node:http'
import { startTestRedis, verifies } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { StoreUnavailableError } from '../../errors.ts'
import { type AuthServer, type AuthServerOptions, startAuthServer } from '../../harness/auth-server.ts'
import { otherTerminal, terminal } from '../../harness/clients.ts'
import { provesSecrecy } from '../../harness/evidence.ts'
import { askAsDevice, type DeviceRequest, errorOf, refused } from '../../harness/flows.ts'
import { encodeForm } from '../../harness/http.ts'
import type { DeviceCodeStore, Store } from '../../store/contract.ts'
import { comparePolls } from './suites/equal-polls.ts'
import { openFilePlace, openRedisPlace } from './suites/places.ts'

const pending = refused(400, 'authorization_pending')
const slowDown = refused(400, 'slow_down')
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

/** A server that says how its store was asked for each poll. */
async function startWatched(hold: string, change: (codes: DeviceCodeStore) => Partial<DeviceCodeStore> = () => ({})) {
  const ways: string[] = []
  const options: AuthServerOptions = {
    environment: { AUTH_HOLD_SECONDS: hold, AUTH_LIFETIMES: '{"deviceInterval":1}' },
    wrapStore(store) {
      const codes = { ...store.deviceCodes, ...change(store.deviceCodes) }
      return {
        ...store,
        deviceCodes: {
          ...codes,
          async poll(...poll) {
            ways.push('long')
            return codes.poll(...poll)
          },
          async pollStamped(...poll) {
            const outcome = await codes.pollStamped(...poll)
            ways.push(outcome === 'moved' ? 'moved' : 'short')
            return outcome
          },
        },
      }
    },
  }
  const server = await startAuthServer(options)
  return { server, ways, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const heldNow = (server: AuthServer, count: number) =>
  expect.poll(() => server.metrics(), { timeout: 5_000 }).toMatch(new RegExp(`^gatehouse_held_polls ${count}$`, 'm'))

/** A device whose first poll was held, and hung up: the next one may go the short way. */
async function knownDevice(server: AuthServer): Promise<DeviceRequest> {
  const device = await askAsDevice(server)
  await hangUpOnHold(server, device)
  return device
}

async function hangUpOnHold(server: AuthServer, device: DeviceRequest): Promise<void> {
  const request = send({
    ...{ host: '127.0.0.1', port: server.port, path: '/token', method: 'POST' },
    headers: { host: new URL(server.issuer).host, 'content-type': 'application/x-www-form-urlencoded' },
  })
  request.on('error', () => undefined)
  request.end(encodeForm({ grant_type: deviceGrant, device_code: device.deviceCode, client_id: terminal.client_id }))
  await heldNow(server, 1)
  request.destroy()
  await heldNow(server, 0)
  server.elapse(5)
}

async function openConfirmation(server: AuthServer, userCode: string) {
  const browser = server.openBrowser()
  await browser.enterCode(userCode)
  await browser.logIn()
  return browser
}

verifies(
  ['D4', 'D5', 'D6', 'D7', 'D8', 'D9'],
  'hundreds of polls, right and wrong, are answered, logged, counted and kept as the engine does',
  async () => {
    using first = openFilePlace()
    using second = openFilePlace()
    const { answers, short } = await comparePolls({ seed: 1, polls: 200, step: 0, places: [first, second] })
    expect(short).toBeGreaterThan(20)
    expect(Object.keys(answers)).toEqual(expect.arrayContaining(['400 authorization_pending', '400 slow_down']))
  },
  60_000,
)

verifies(
  ['D4', 'D6', 'D8'],
  'a poll that is held the short way is answered by the decision, and by nothing of another client',
  async () => {
    for (const decision of ['approve', 'refuse'] as const) {
      await using stage = await startWatched('30')
      const { server, ways } = stage
      const device = await knownDevice(server)
      const poll = device.poll()
      await heldNow(server, 1)
      expect(ways).toEqual(['long', 'short'])
      expect(errorOf(await device.poll({ client_id: otherTerminal.client_id }))).toEqual(refused(400, 'invalid_grant'))
      expect(errorOf(await device.poll())).toEqual(slowDown)
      expect(ways, 'of the other client nothing was noted').toEqual(['long', 'short', 'short'])
      await heldNow(server, 1)
      const browser = await openConfirmation(server, device.userCode)
      await browser[decision]()
      const { status, json } = await poll
      expect([status, json.error]).toEqual(decision === 'approve' ? [200, undefined] : [400, 'access_denied'])
      await heldNow(server, 0)
    }
  },
)

verifies(
  ['D4', 'D7'],
  'a poll that is held the short way is pending at its end, or expired with its code',
  async () => {
    await using stage = await startWatched('0.2')
    const { server, ways } = stage
    const device = await askAsDevice(server)
    const long = await device.poll()
    server.elapse(5)
    const short = await device.poll()
    expect(ways).toEqual(['long', 'short'])
    expect(errorOf(short)).toEqual(pending)
    expect({ ...short.headers, date: '' }).toEqual({ ...long.headers, date: '' })
    server.elapse(5)
    const poll = device.poll()
    await heldNow(server, 1)
    server.elapse(590)
    expect(errorOf(await poll)).toEqual(refused(400, 'expired_token'))
  },
)

verifies('D5', 'somebody who enters the code moves it: the poll is judged again, and paced as before', async () => {
  await using stage = await startWatched('0')
  const { server, ways } = stage
  const device = await askAsDevice(server)
  await device.poll()
  server.elapse(1)
  expect(errorOf(await device.poll())).toEqual(pending)
  await openConfirmation(server, device.userCode)
  expect(errorOf(await device.poll())).toEqual(slowDown)
  server.elapse(6)
  expect(errorOf(await device.poll())).toEqual(pending)
  server.elapse(6)
  expect(errorOf(await device.poll())).toEqual(pending)
  expect(ways).toEqual(['long', 'short', 'moved', 'long', 'moved', 'long', 'short'])
})

verifies('D10', 'a device that hangs up is as one that does so the long way, and its code is not used up', async () => {
  await using stage = await startWatched('30')
  const { server, ways } = stage
  const device = await knownDevice(server)
  await hangUpOnHold(server, device)
  expect(ways).toEqual(['long', 'short'])
  const metrics = await server.metrics()
  expect(metrics).toContain('gatehouse_held_polls_total{end="hung_up"} 2')
  const [, counted] = /duration_seconds_count\{method="POST",route="\/token",status="(\d+)"\} 2/.exec(metrics) ?? []
  expect(counted, 'both are counted alike').toBe('404')
  await (await openConfirmation(server, device.userCode)).approve()
  expect((await device.poll()).status).toBe(200)
  expect(server.log()).not.toMatch(/"level":(50|60)/)
})

verifies('X1', 'a store that fails is a 503, and is not asked twice to note one poll', async () => {
  const away = { notes: false }
  await using stage = await startWatched('0', (codes) => ({
    async pollStamped(...poll) {
      const outcome = await codes.pollStamped(...poll)
      if (away.notes) throw new StoreUnavailableError()
      return outcome
    },
  }))
  const { server, ways } = stage
  const device = await askAsDevice(server)
  await device.poll()
  server.elapse(1)
  away.notes = true
  const answer = await device.poll()
  expect(errorOf(answer)).toEqual(refused(503, 'temporarily_unavailable'))
  expect(answer.headers['retry-after']).toBe('1')
  expect(ways).toEqual(['long'])
})

test('a client that the operator takes out of the file is unknown at once', async () => {
  await using stage = await startWatched('0')
  const { server } = stage
  const device = await askAsDevice(server)
  await device.poll()
  server.elapse(1)
  expect(errorOf(await device.poll())).toEqual(pending)
  server.writeClients([otherTerminal])
  await expect.poll(() => server.log(), { timeout: 10_000 }).toContain('client file read again')
  server.elapse(6)
  expect(errorOf(await device.poll())).toEqual(refused(401, 'invalid_client'))
}, 15_000)

verifies(
  ['D4', 'D5', 'D6', 'D7', 'D8', 'D9'],
  'a hundred polls on Redis are as the engine answers them, too',
  async () => {
    await using redis = await startTestRedis()
    await using first = openRedisPlace(redis.url, `auth:test-${randomUUID()}:`)
    await using second = openRedisPlace(redis.url, `auth:test-${randomUUID()}:`)
    const { short } = await comparePolls({ seed: 2, polls: 120, step: 1, places: [first, second] })
    expect(short).toBeGreaterThan(10)
  },
  60_000,
)

verifies('D5', 'two replicas pace one device together, each by the short way', async () => {
  await using redis = await startTestRedis()
  await using place = openRedisPlace(redis.url, `auth:test-${randomUUID()}:`)
  const ways: string[] = []
  const wrapStore = (store: Store): Store => {
    const opened = place.wrapStore(store)
    const { pollStamped } = opened.deviceCodes
    const watched = async (...poll: Parameters<typeof pollStamped>) => {
      const outcome = await pollStamped(...poll)
      ways.push(outcome)
      return outcome
    }
    return { ...opened, deviceCodes: { ...opened.deviceCodes, pollStamped: watched } }
  }
  await using first = await startAuthServer({ wrapStore })
  await using second = await startAuthServer({ wrapStore })
  const device = await askAsDevice(first)
  const fields = { grant_type: deviceGrant, device_code: device.deviceCode, client_id: terminal.client_id }
  for (const server of [first, second]) {
    expect(errorOf(await server.token(fields))).toEqual(refused(400, 'authorization_pending'))
    first.elapse(5)
  }
  expect(ways, 'each has asked its engine once').toEqual([])
  expect(errorOf(await first.token(fields))).toEqual(refused(400, 'authorization_pending'))
  first.elapse(1)
  expect(errorOf(await second.token(fields))).toEqual(refused(400, 'slow_down'))
  first.elapse(6)
  expect(errorOf(await first.token(fields)), 'five seconds more, for both').toEqual(refused(400, 'slow_down'))
  first.elapse(16)
  expect(errorOf(await second.token(fields))).toEqual(refused(400, 'authorization_pending'))
  expect(ways).toEqual(['undecided', 'early', 'early', 'undecided'])
})

provesSecrecy()
