// The names of Redis and of the authorization server do not resolve: at the start, and later, when connections are lost.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { goThrough } from './outage.ts'
import { lateName } from './preload.ts'
import { ask, askAsDevice, machineToken, whoami } from './wire.ts'

/** Milliseconds, as docs/faults.md promises; tests allow three times as much. */
const answersWithin = 1_000
const backWithin = 10_000
const tolerance = 3
const redisName = 'redis.test'
const authName = 'auth.test'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-names-'))
const names = { [redisName]: join(folder, 'redis'), [authName]: join(folder, 'auth') } as const

/** What becomes of look-ups of these names from now on. */
function lookUps(fate: 'fail' | 'hang' | 'found', ...which: readonly (keyof typeof names)[]): void {
  for (const name of which) writeFileSync(names[name], fate)
}

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({
    started: false,
    redis: { keepsData: true },
    proxied: 2,
    proxyName: redisName,
  })
}, 120_000)
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
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
  lookUps('fail', redisName, authName)
  const keys = `${first?.url.replace('127.0.0.1', authName)}/jwks`
  await Promise.all([
    ...auth.replicas.map((each) => each.start({ untilReady: false, env: lateName(redisName, names[redisName]) })),
    ...mcp.replicas.map((each) =>
      each.start({ untilReady: false, env: { ...lateName(authName, names[authName]), MCP_JWKS_URL: keys } }),
    ),
  ])
  for (const { url } of [...auth.replicas, ...mcp.replicas]) {
    expect(await statusOf(`${url}/livez`)).toBe(200)
    expect(await statusOf(`${url}/readyz`)).toBe(503)
  }
  const refused = await machineToken(cluster)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(refused.took).toBeLessThan(tolerance * answersWithin)
  expect(cluster.logs()).toContain('ENOTFOUND')

  lookUps('found', redisName)
  await until(() => everyReplicaIs(200), tolerance * backWithin)
  const { json } = await machineToken(cluster)
  const unknowing = await whoami(cluster, json.access_token)
  expect(unknowing.status, 'it has no keys, and does not blame the token').toBe(503)
  expect(unknowing.headers.get('retry-after')).not.toBeNull()

  lookUps('found', authName)
  const isServed = async () => (await whoami(cluster, json.access_token)).status === 200
  await until(isServed, tolerance * backWithin)
  expect((await askAsDevice(cluster)).userCode).not.toBe('')
})

for (const fate of ['fail', 'hang'] as const) {
  verifies('X26', `later look-ups that ${fate} are like a Redis that is gone, and are tried again`, () =>
    goThrough(
      cluster,
      {
        name: `has a name whose look-ups ${fate}`,
        begin: async () => {
          lookUps(fate, redisName, authName)
          for (const proxy of cluster.proxies) proxy.cut()
          await until(() => everyReplicaIs(503), tolerance * backWithin)
        },
        end: () => lookUps('found', redisName, authName),
      },
      2_000,
    ),
  )
}
