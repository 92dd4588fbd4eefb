// Redis crashes and comes back with its file: what was used stays used, and what was under way goes on.
import { createPerson, until, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { approvedDevice, askAsDevice, authorizationRequest, redeem, refresh } from './wire.ts'

let cluster: Cluster

beforeAll(async () => {
  // without the grace a used token is refused at once
  cluster = await startCluster({ redis: { keepsData: true }, lifetimes: { reuseGrace: 0 } })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

/** A crash of Redis alone loses what it has not handed to the system yet: nothing, if it had a moment. */
async function crash(): Promise<void> {
  const { redis } = cluster
  await until(async () => /aof_buffer_length:0\r?\n/.test(String(await redis.command('INFO', 'persistence'))), 10_000)
  await redis.kill()
  await redis.start()
  await cluster.untilReady()
}

verifies(['X6', 'F6'], 'what was used before a crash of Redis is not good again after it', async () => {
  const device = await approvedDevice(cluster)
  const first = (await device.poll()).json.refresh_token
  const second = (await refresh(cluster, first)).json.refresh_token
  const ada = createPerson(cluster)
  const request = authorizationRequest(cluster)
  await ada.open(request.url)
  await ada.logIn('ada')
  const { leftTo } = await ada.approve()
  expect((await redeem(cluster, request, leftTo)).status).toBe(200)
  await crash()
  expect((await refresh(cluster, second)).status, 'the newest is good').toBe(200)
  for (const used of [await device.poll(), await refresh(cluster, first), await redeem(cluster, request, leftTo)])
    expect([used.status, used.json.error]).toEqual([400, 'invalid_grant'])
})

verifies('X6', 'a sign-in that was under way when Redis crashed goes on where it was', async () => {
  const device = await askAsDevice(cluster)
  const ada = createPerson(cluster)
  await ada.enterCode(device.userCode)
  await crash()
  await ada.logIn('ada')
  await crash()
  expect((await ada.approve()).heading).toBe('You are signed in on your device')
  await crash()
  expect((await device.poll()).status).toBe(200)
})
