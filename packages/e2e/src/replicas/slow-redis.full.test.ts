// Redis answers late: answers take longer, and from half a second on it counts as away.
import { setTimeout as wait } from 'node:timers/promises'
import { createPerson, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { observeRounds, prepareProbes } from './probes.ts'
import { report } from './report.ts'
import { approvedDevice, askAsDevice } from './wire.ts'

/** Milliseconds after which a command counts as lost (apps/auth/src/store/redis-connection.ts). */
const givenUpAfter = 500
const rounds = 3
/** Round trips to Redis, one after the other, that one request may take. */
const tripsAtMost = 12
/** Milliseconds between two polls of a device: its interval here, and a little more. */
const interval = 1_100
const polls = 3
const tolerance = 3

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({
    proxied: 2,
  })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

function delay(milliseconds: number): void {
  for (const proxy of cluster.proxies) proxy.delay = milliseconds
}

for (const late of [150, 300]) {
  verifies('X3', `with a Redis that is ${late} ms late all is answered, as much later as it asks Redis`, async () => {
    const probes = await prepareProbes(cluster)
    const before = await observeRounds(probes, rounds)
    delay(late)
    const seen = await observeRounds(probes, rounds)
    delay(0)
    const figures = probes.map(({ name, status, away }, index) => {
      const { statuses = [], median = 0, slowest = 0 } = seen[index] ?? {}
      const usual = before[index]?.median ?? 0
      const trips = (median - usual) / late
      // a machine that stalls for the rest of half a second makes a 503 of one or the other
      expect(statuses, name).toContain(status)
      for (const each of statuses) expect([status, away], name).toContain(each)
      expect(trips, name).toBeLessThan(tripsAtMost)
      if (away !== status) expect(slowest, `${name} asks Redis`).toBeGreaterThanOrEqual(late)
      return [name, usual, median, Math.round(trips)]
    })
    report(`Redis ${late} ms late: median before, median then (ms), round trips`, figures)
  })
}

verifies('X3', 'a device polls at its pace and somebody signs in with a Redis that is 150 ms late', async () => {
  delay(150)
  const device = await askAsDevice(cluster)
  const ada = createPerson(cluster)
  await ada.enterCode(device.userCode)
  for (let poll = 1; poll <= polls; poll += 1) {
    expect((await device.poll()).json.error, 'not slow_down').toBe('authorization_pending')
    await wait(interval)
  }
  await ada.logIn('ada')
  await ada.approve()
  expect((await device.poll()).status).toBe(200)
  delay(0)
})

verifies('X3', 'a Redis that is a second late counts as away, and comes back', async () => {
  const probes = await prepareProbes(cluster)
  delay(1_000)
  const seen = await observeRounds(probes, rounds)
  delay(0)
  for (const [index, { name, away }] of probes.entries()) {
    expect(seen[index]?.statuses, name).toEqual([away])
    expect(seen[index]?.slowest, name).toBeLessThan(tolerance * 2 * givenUpAfter)
  }
  await cluster.untilReady()
  expect((await (await approvedDevice(cluster)).poll()).status).toBe(200)
})
