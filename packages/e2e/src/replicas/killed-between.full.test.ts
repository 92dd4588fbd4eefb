// A replica that dies at the worst moment: what was presented is used up, and the answer never left.
import { createPerson, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { createConsumeDetector, type RedisProxy } from './redis-proxy.ts'
import { onlyHeader } from './switch.ts'
import { type Answer, approvedDevice, authorizationRequest, redeem, refresh } from './wire.ts'

const dying = { [onlyHeader]: '0' }
const other = { [onlyHeader]: '1' }

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({
    proxied: 1,
  })
}, 120_000)
beforeEach(() => cluster.untilReady())
afterAll(() => cluster[Symbol.asyncDispose]())

/** Sends a request to the first replica, which is killed when Redis has marked a record of this model as used. */
async function dieAfterConsume(model: string, send: () => Promise<Answer>): Promise<Answer> {
  const isConsume = createConsumeDetector(model)
  const [proxy] = cluster.proxies as readonly [RedisProxy]
  const consumed = new Promise<void>((resolve) => {
    proxy.judge = (command) => {
      if (!isConsume(command)) return 'pass'
      resolve()
      return 'lose'
    }
  })
  const answer = send()
  await consumed
  await cluster.auth.replicas[0]?.kill()
  proxy.judge = () => 'pass'
  return answer
}

verifies('X12', 'a refresh token whose answer died is answered by another replica, once and for all', async () => {
  const { json } = await (await approvedDevice(cluster)).poll()
  const lost = await dieAfterConsume('RefreshToken', () => refresh(cluster, json.refresh_token, dying))
  expect(lost.status).toBe(502)
  const answers = await Promise.all(Array.from({ length: 5 }, () => refresh(cluster, json.refresh_token, other)))
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  const next = await refresh(cluster, answers[0]?.json.refresh_token, other)
  expect(next.status, 'the sign-in goes on').toBe(200)
})

verifies('X12', 'a device whose answer died gets its tokens from another replica', async () => {
  const device = await approvedDevice(cluster)
  const lost = await dieAfterConsume('DeviceCode', () => device.poll(dying))
  expect(lost.status).toBe(502)
  const { status, json } = await device.poll(other)
  expect(status).toBe(200)
  expect((await refresh(cluster, json.refresh_token, other)).status).toBe(200)
})

verifies('X12', 'an app whose answer died starts again, and is not asked to sign in', async () => {
  const ada = createPerson(cluster)
  const request = authorizationRequest(cluster)
  await ada.open(request.url)
  await ada.logIn('ada')
  const { leftTo } = await ada.approve()
  const lost = await dieAfterConsume('AuthorizationCode', () => redeem(cluster, request, leftTo, dying))
  expect(lost.status).toBe(502)
  const again = await redeem(cluster, request, leftTo, other)
  expect([again.status, again.json.error]).toEqual([400, 'invalid_grant'])

  const second = authorizationRequest(cluster)
  expect((await ada.open(second.url)).heading).toBe('An app wants to use your account')
  const answer = await ada.approve()
  expect((await redeem(cluster, second, answer.leftTo, other)).status).toBe(200)
})
