// Redis answers late: answers take longer, and from half a second on it counts as away.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { observe, prepareProbes } from './probes.ts'
import { type RedisProxy, startRedisProxy } from './redis-proxy.ts'
import { report } from './report.ts'
import { approvedDevice } from './wire.ts'

/** Milliseconds after which a command counts as lost (apps/auth/src/store/redis-connection.ts). */
const GIVEN_UP_AFTER = 500
const ROUNDS = 5

let cluster: Cluster
const proxies: RedisProxy[] = []

beforeAll(async () => {
  cluster = await startCluster({
    redisUrls: async (url) => {
      const proxy = await startRedisProxy(url)
      proxies.push(proxy)
      return proxy.url
    },
  })
}, 120_000)
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()))
})

function delay(milliseconds: number): void {
  for (const proxy of proxies) proxy.delay = milliseconds
}

async function observeRounds(name: string) {
  const probes = await prepareProbes(cluster)
  let rounds = 0
  const seen = await observe(probes, { until: () => rounds++ >= 2 * ROUNDS, pause: 0 })
  report(
    `Redis ${name}`,
    seen.map(({ name: probe, statuses, median, slowest }) => [
      probe,
      `${statuses.join(' ')} (${median}, ${slowest} ms)`,
    ]),
  )
  return { probes, seen }
}

for (const late of [150, 300]) {
  verifies('X3', `with a Redis that is ${late} ms late everything works, and slower`, async () => {
    delay(late)
    const { probes, seen } = await observeRounds(`${late} ms late`)
    for (const [index, { name, status }] of probes.entries()) expect(seen[index]?.statuses, name).toEqual([status])
    expect((await (await approvedDevice(cluster)).poll()).status).toBe(200)
    delay(0)
  })
}

verifies('X3', 'a Redis that is a second late counts as away, and comes back', async () => {
  const probes = await prepareProbes(cluster)
  delay(1_000)
  let rounds = 0
  const seen = await observe(probes, { until: () => rounds++ >= 6, pause: 0 })
  delay(0)
  for (const [index, { name, away }] of probes.entries()) {
    expect(seen[index]?.statuses, name).toEqual([away])
    expect(seen[index]?.slowest, name).toBeLessThan(3 * 2 * GIVEN_UP_AFTER)
  }
  await cluster.untilReady()
  expect((await (await approvedDevice(cluster)).poll()).status).toBe(200)
})
