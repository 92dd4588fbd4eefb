// The worst case: Redis lost its data and no replica was left to write the keys back. Tokens from before end, and the
// rest goes on with new keys.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { report } from './report.ts'
import { until } from './until.ts'
import { approvedDevice, machineToken, whoami } from './wire.ts'

/** Milliseconds in which a resource server looks for a key that it does not know once (packages/resource-guard). */
const LOOKS_AGAIN_WITHIN = 30_000
const TOLERANCE = 3

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ mcp: 2 })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies(
  'X5',
  'with the data and every replica gone tokens from before end, new ones are taken, and the log says why',
  async () => {
    const { auth, redis } = cluster
    const before = (await machineToken(cluster)).json.access_token
    expect((await whoami(cluster, before)).status).toBe(200)
    await Promise.all(auth.replicas.map((replica) => replica.kill()))
    await redis.kill()
    await redis.start()
    await Promise.all(auth.replicas.map((replica) => replica.start()))
    expect(auth.replicas.some((replica) => replica.logs().includes('a signing key was made'))).toBe(true)

    const takenAfter = await until(async () => {
      const { json } = await machineToken(cluster)
      return (
        (await whoami(cluster, json.access_token)).status === 200 &&
        (await whoami(cluster, json.access_token)).status === 200
      )
    }, TOLERANCE * LOOKS_AGAIN_WITHIN)
    report('data and all replicas gone', { newTokensTakenAfterMs: takenAfter })
    expect([401]).toContain((await whoami(cluster, before)).status)
    expect((await (await approvedDevice(cluster)).poll()).status).toBe(200)
  },
)
