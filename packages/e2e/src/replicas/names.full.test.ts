// The names of Redis and of the authorization server do not resolve: at the start, and later, when connections are lost.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { goThrough } from './outage.ts'
import { lateName } from './preload.ts'
import { type RedisProxy, startRedisProxy } from './redis-proxy.ts'
import { until } from './until.ts'
import { ask, askAsDevice, machineToken, whoami } from './wire.ts'

/** Milliseconds, as docs/faults.md promises; tests allow three times as much. */
const ANSWERS_WITHIN = 1_000
const BACK_WITHIN = 10_000
const TOLERANCE = 3
const REDIS = 'redis.test'
const AUTH = 'auth.test'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-names-'))
const names = { [REDIS]: join(folder, 'redis'), [AUTH]: join(folder, 'auth') } as const

/** What becomes of look-ups of these names from now on. */
function lookUps(fate: 'fail' | 'hang' | 'found', ...which: readonly (keyof typeof names)[]): void {
  for (const name of which) writeFileSync(names[name], fate)
}

let cluster: Cluster
const proxies: RedisProxy[] = []

beforeAll(async () => {
  cluster = await startCluster({
    started: false,
    redis: { keepsData: true },
    redisUrls: async (url) => {
      const proxy = await startRedisProxy(url)
      proxies.push(proxy)
      return proxy.url.replace('127.0.0.1', REDIS)
    },
  })
}, 120_000)
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await Promise.all(proxies.map((proxy) => proxy[Symbol.asyncDispose]()))
  rmSync(folder, { recursive: true, force: true })
})

const statusOf = async (url: string) => (await ask(url)).status

async function everyReplicaIs(readiness: number): Promise<boolean> {
  const answers = await Promise.all(cluster.auth.replicas.map(({ url }) => statusOf(`${url}/readyz`)))
  return answers.every((status) => status === readiness)
}

verifies('X26', 'services whose names do not resolve yet live, are not ready, and begin when they do', async () => {
  const { auth, mcp } = cluster
  const [first] = auth.replicas
  lookUps('fail', REDIS, AUTH)
  const keys = `${first?.url.replace('127.0.0.1', AUTH)}/jwks`
  await Promise.all([
    ...auth.replicas.map((each) => each.start({ untilReady: false, env: lateName(REDIS, names[REDIS]) })),
    ...mcp.replicas.map((each) =>
      each.start({ untilReady: false, env: { ...lateName(AUTH, names[AUTH]), MCP_JWKS_URL: keys } }),
    ),
  ])
  for (const { url } of [...auth.replicas, ...mcp.replicas]) {
    expect(await statusOf(`${url}/livez`)).toBe(200)
    expect(await statusOf(`${url}/readyz`)).toBe(503)
  }
  const refused = await machineToken(cluster)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(refused.took).toBeLessThan(TOLERANCE * ANSWERS_WITHIN)
  expect(cluster.logs()).toContain('ENOTFOUND')

  lookUps('found', REDIS)
  await until(() => everyReplicaIs(200), TOLERANCE * BACK_WITHIN)
  const { json } = await machineToken(cluster)
  const unknowing = await whoami(cluster, json.access_token)
  expect(unknowing.status, 'it has no keys, and does not blame the token').toBe(503)
  expect(unknowing.headers.get('retry-after')).not.toBeNull()

  lookUps('found', AUTH)
  const isServed = async () => (await whoami(cluster, json.access_token)).status === 200
  await until(isServed, TOLERANCE * BACK_WITHIN)
  expect((await askAsDevice(cluster)).userCode).not.toBe('')
})

for (const fate of ['fail', 'hang'] as const) {
  verifies('X26', `later look-ups that ${fate} are like a Redis that is gone, and are tried again`, () =>
    goThrough(
      cluster,
      {
        name: `has a name whose look-ups ${fate}`,
        begin: async () => {
          lookUps(fate, REDIS, AUTH)
          for (const proxy of proxies) proxy.cut()
          await until(() => everyReplicaIs(503), TOLERANCE * BACK_WITHIN)
        },
        end: () => lookUps('found', REDIS, AUTH),
      },
      2_000,
    ),
  )
}
