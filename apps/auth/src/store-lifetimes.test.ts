// Every time that the server hands to its store, by what it is for. A number has no unit, so one that is still in seconds
// is noticed here.
import { createFakeGitHub } from '@gatehouse/testing'
import { expect, test } from 'vitest'
import { startAuthServer } from './harness/auth-server.ts'
import { staticClients, terminal } from './harness/clients.ts'
import { askAsDevice, authorizePath, createPkce, logInOnDevice, obtainCode, refresh } from './harness/flows.ts'
import type { Store } from './store/contract.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

function noteTimes() {
  const noted = new Map<string, Set<number | undefined>>()
  const dying = { answers: 0 }
  const note = (name: string, time: number | undefined) => {
    noted.set(name, (noted.get(name) ?? new Set()).add(time))
  }
  const wrapStore = (store: Store): Store => ({
    ...store,
    records: {
      ...store.records,
      put(model, id, payload, expiresIn, indexes) {
        note(model, expiresIn)
        return store.records.put(model, id, payload, expiresIn, indexes)
      },
      async create(model, id, payload, expiresIn) {
        note(model, expiresIn)
        if (model === 'RedeemedAnswer' && dying.answers-- > 0) throw new Error('the process is gone')
        return store.records.create(model, id, payload, expiresIn)
      },
    },
    deviceCodes: {
      ...store.deviceCodes,
      create(id, payload, expiresIn, write) {
        note('DeviceCode', expiresIn)
        return store.deviceCodes.create(id, payload, expiresIn, write)
      },
      poll(id, interval, hold) {
        note('poll', interval)
        return store.deviceCodes.poll(id, interval, hold)
      },
    },
    attempts: {
      ...store.attempts,
      take(name, limit, window) {
        note(`attempts: ${name.split(':')[0]}`, window)
        return store.attempts.take(name, limit, window)
      },
    },
  })
  const times = () => Object.fromEntries([...noted].map(([name, all]) => [name, [...all]]))
  return { wrapStore, times, dying }
}

test('what people, apps and devices leave in the store lives as long as it is meant to', async () => {
  const { wrapStore, times, dying } = noteTimes()
  await using server = await startAuthServer({ wrapStore })
  const { json } = await server.register({
    client_name: 'App',
    redirect_uris: ['https://app.example/callback'],
    token_endpoint_auth_method: 'none',
  })
  const changes = { client_id: json.client_id ?? '', redirect_uri: 'https://app.example/callback' }
  expect((await (await obtainCode(server, { changes })).redeem()).status).toBe(200)
  await server.post('/token', { grant_type: 'client_credentials', client_id: 'robot', client_secret: 'wrong' })

  const waiting = await askAsDevice(server)
  expect((await waiting.poll()).json.error).toBe('authorization_pending')
  const { refresh_token: token } = await logInOnDevice(server)
  dying.answers = 1
  expect((await refresh(server, token)).status).toBe(500)
  expect((await refresh(server, token)).status, 'another one takes over').toBe(200)

  expect(times()).toEqual({
    Account: [91 * day],
    Client: [day, 90 * day],
    Session: [8 * hour, 10 * minute],
    Interaction: [15 * minute],
    Decision: [25 * minute],
    Grant: [90 * day],
    GrantOrigin: [90 * day],
    AuthorizationCode: [minute],
    DeviceCode: [10 * minute],
    RefreshToken: [30 * day],
    RedeemedAnswer: [30 * second],
    poll: [5 * second],
    'attempts: registration': [hour],
    'attempts: authorize': [10 * minute],
    'attempts: secret': [minute],
    'attempts: device': [10 * minute],
    'attempts: device_page': [10 * minute],
    'attempts: user_code': [10 * minute],
    'attempts: take-over': [4 * second],
  })
})

test('so does what is kept of a sign-in that GitHub has its part in', async () => {
  await using github = await createFakeGitHub()
  const { wrapStore, times } = noteTimes()
  await using server = await startAuthServer({
    wrapStore,
    clients: [{ ...terminal, github_device_flow: true }, ...staticClients.slice(1)],
    environment: {
      GITHUB_CLIENT_ID: github.clientId,
      GITHUB_CLIENT_SECRET: github.clientSecret,
      GITHUB_URL: github.url,
      GITHUB_API_URL: github.apiUrl,
      AUTH_LIFETIMES: '{"deviceInterval":1}',
    },
  })
  const browser = server.openBrowser()
  await browser.open(authorizePath(createPkce().challenge))
  const way = /href="(\/interaction\/[^"]+\/login\/github)"/.exec(browser.page.html)?.[1] ?? ''
  expect((await browser.open(way)).leftTo?.host).toBe(new URL(github.url).host)
  expect(times().UpstreamLogin).toEqual([10 * minute])

  const device = await askAsDevice(server)
  expect(times().GitHubDeviceCode).toEqual([10 * minute])
  github.askForPatience(device.userCode, 7)
  server.elapse(60)
  expect((await device.poll()).json.error).toBe('slow_down')
  expect(times().GitHubDeviceCode).toEqual([10 * minute, 9 * minute])
  server.elapse(60)
  expect((await device.poll()).json.error).toBe('authorization_pending')
  expect(times().poll).toEqual([second, 7 * second])
})
