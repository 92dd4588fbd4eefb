// Any replica answers any request: each step of a sign-in at another one, and some of them killed in between.
import { createClientHome, createPerson, promptOf, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBrowser, type PersonBrowser } from '../harness/browser.ts'
import { claimsOf } from '../harness/claims.ts'
import { secretsInLogs } from '../harness/secrets.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { onlyHeader } from './switch.ts'
import { approvedDevice, askAsDevice, authorizationRequest, machineToken, redeem, refresh, whoami } from './wire.ts'

let cluster: Cluster
let browser: PersonBrowser

beforeAll(async () => {
  ;[cluster, browser] = await Promise.all([startCluster({ auth: 3, mcp: 3 }), openBrowser()])
}, 120_000)
afterAll(async () => {
  await Promise.all([browser[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()])
})

test('a device asks one replica, a person approves at another, and the device polls a third', async () => {
  const { door } = cluster.auth
  door.use(0)
  const device = await askAsDevice(cluster)
  door.use(1)
  const ada = createPerson(cluster)
  await ada.enterCode(device.userCode)
  await ada.logIn('ada')
  expect((await ada.approve()).heading).toBe('You are signed in on your device')
  door.use(2)
  const { status, json } = await device.poll()
  door.use()
  expect(status).toBe(200)
  expect(claimsOf(json.access_token ?? '').sub).toBe('dev:ada')
})

test('every request of a sign-in may go to another replica: the form, the login, the consent, the code', async () => {
  const { door } = cluster.auth
  const from = door.passages.length
  const grace = createPerson(cluster)
  const request = authorizationRequest(cluster)
  await grace.open(request.url)
  await grace.logIn('grace')
  const { leftTo } = await grace.approve()
  const { status, json } = await redeem(cluster, request, leftTo)
  expect(status).toBe(200)
  expect(claimsOf(json.access_token ?? '').sub).toBe('dev:grace')
  const steps = door.passages.slice(from).map(({ replica }) => replica)
  expect(steps.length).toBeGreaterThan(6)
  for (const [index, replica] of steps.entries()) expect(replica).not.toBe(steps[index - 1])
})

test('who signed in at one replica is signed in at all of them', async () => {
  const { door } = cluster.auth
  door.use(0)
  const ada = createPerson(cluster)
  await approvedDevice(cluster, ada)
  for (const replica of [1, 2]) {
    door.use(replica)
    const device = await askAsDevice(cluster)
    expect((await ada.enterCode(device.userCode)).heading).toBe('A device wants to use your account')
  }
  door.use()
})

test('each replica of either service knows the clients of the file, and takes the tokens of the others', async () => {
  const tokens: string[] = []
  for (const replica of [0, 1, 2]) {
    cluster.auth.door.use(replica)
    const { status, json } = await machineToken(cluster)
    expect(status).toBe(200)
    tokens.push(json.access_token ?? '')
  }
  cluster.auth.door.use()
  for (const replica of ['0', '1', '2']) {
    for (const token of tokens) {
      const { status, text } = await whoami(cluster, token, { [onlyHeader]: replica })
      expect(status).toBe(200)
      expect(text).toContain('robot')
    }
  }
})

verifies(
  'X11',
  'kill -9 of one replica between the request and the approval, and of another before the poll, costs a sign-in nothing',
  async () => {
    using home = createClientHome(cluster)
    cluster.auth.door.use(0)
    await using command = home.run('call', 'greet', '{"name":"world"}')
    const { code, link } = await promptOf(command)
    await cluster.auth.replicas[0]?.kill()
    cluster.auth.door.use(0, 1)

    await using ada = await browser.person()
    await ada.open(link)
    await ada.enterCode()
    await ada.logInAs('ada')
    expect(await ada.heading()).toBe('A device wants to use your account')
    // the command polls on while the person reads, and one more replica goes away under both
    await cluster.auth.replicas[1]?.kill()
    cluster.auth.door.use()
    await ada.approve()
    expect(await ada.heading()).toBe('You are signed in on your device')

    expect((await command.exited).code, command.output()).toBe(0)
    expect(command.stdout()).toContain('Hello, world!')
    expect(secretsInLogs(cluster.logs(), { home: home.path, codes: [code] })).toEqual([])
    await cluster.untilReady()
  },
)

test('a replica that comes back serves those who signed in while it was gone', async () => {
  const { door, replicas } = cluster.auth
  await replicas[2]?.kill()
  const device = await approvedDevice(cluster)
  const { json } = await device.poll()
  await replicas[2]?.start()
  door.use(2)
  const renewed = await refresh(cluster, json.refresh_token)
  door.use()
  expect(renewed.status, renewed.text).toBe(200)
})
