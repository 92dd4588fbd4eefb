// Services and Redis started in whatever order, and an authorization server that goes away under the MCP server.
import { until, verifies } from '@gatehouse/testing'
import { afterEach, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { report } from './report.ts'
import { ask, machineToken, whoami } from './wire.ts'

/** Milliseconds, as docs/faults.md promises; tests allow three times as much. */
const backWithin = 10_000
const tolerance = 3

let cluster: Cluster

afterEach(() => cluster[Symbol.asyncDispose]())

const statusOf = async (url: string) => (await ask(url)).status

verifies('X28', 'services that were there before Redis live, are not ready, and converge when it comes', async () => {
  cluster = await startCluster({ started: false, redis: { running: false } })
  const { auth, mcp, redis, issuer } = cluster
  const all = [...mcp.replicas, ...auth.replicas]
  await Promise.all(all.map((replica) => replica.start({ untilReady: false })))
  for (const { url } of all) expect(await statusOf(`${url}/readyz`)).toBe(503)
  expect(await statusOf(`${issuer}/jwks`), 'there are no keys yet').toBe(503)
  expect((await whoami(cluster, 'any')).status, 'a token that cannot be one').toBe(401)

  await redis.start()
  const ready = await until(
    async () => (await Promise.all(all.map(({ url }) => statusOf(`${url}/readyz`)))).every((status) => status === 200),
    tolerance * backWithin,
  )
  report('Redis started last', { readyAfterMs: ready })
  const { json } = await machineToken(cluster)
  expect((await whoami(cluster, json.access_token)).status).toBe(200)
  expect(new Set(await Promise.all(auth.replicas.map(async ({ url }) => (await ask(`${url}/jwks`)).text))).size).toBe(1)
})

verifies(
  ['X17', 'X28'],
  'an MCP server judges tokens without the authorization server, once it had the keys',
  async () => {
    cluster = await startCluster({ started: false, mcp: 2 })
    const { auth, mcp } = cluster
    const [first, second] = mcp.replicas
    await first?.start({ untilReady: false })
    expect(await statusOf(`${first?.url}/readyz`), 'there was no authorization server yet').toBe(503)
    await Promise.all(auth.replicas.map((replica) => replica.start()))
    const ready = await until(async () => (await statusOf(`${first?.url}/readyz`)) === 200, tolerance * backWithin)
    report('authorization server started after the MCP server', { readyAfterMs: ready })
    const { json } = await machineToken(cluster)

    await Promise.all(auth.replicas.map((replica) => replica.kill()))
    await second?.start({ untilReady: false })
    mcp.door.use(0)
    expect((await whoami(cluster, json.access_token)).status, 'it knows the keys').toBe(200)
    expect(await statusOf(`${first?.url}/readyz`)).toBe(200)
    mcp.door.use(1)
    const unknowing = await whoami(cluster, json.access_token)
    expect(unknowing.status, 'it cannot tell, and does not say that the token is bad').toBe(503)
    expect(unknowing.headers.get('retry-after')).not.toBeNull()
    expect(await statusOf(`${second?.url}/readyz`)).toBe(503)

    await Promise.all(auth.replicas.map((replica) => replica.start()))
    await until(async () => (await statusOf(`${second?.url}/readyz`)) === 200, tolerance * backWithin)
    expect((await whoami(cluster, json.access_token)).status).toBe(200)
  },
)
