// The worst case: Redis lost its data and no replica was left to write the keys back. Tokens from before end, and the
// rest goes on with new keys.
import { until, verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { otherClock } from './preload.ts'
import { approvedDevice, machineToken, whoami } from './wire.ts'

/** Seconds: a resource server looks for a key that it does not know twice a minute at most. */
const looksAgainAfter = 31
/** Milliseconds. */
const takenWithin = 10_000

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ mcp: 2 })
  for (const replica of cluster.mcp.replicas) {
    await replica.kill()
    await replica.start({ env: otherClock({ step: looksAgainAfter }) })
  }
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies(
  'X5',
  'with the data and every replica gone tokens from before end, new ones are taken, and the log says why',
  async () => {
    const { auth, mcp, redis } = cluster
    const before = (await machineToken(cluster)).json.access_token
    for (const _ of mcp.replicas) expect((await whoami(cluster, before)).status).toBe(200)
    await Promise.all(auth.replicas.map((replica) => replica.kill()))
    await redis.kill()
    await redis.start()
    await Promise.all(auth.replicas.map((replica) => replica.start()))
    expect(auth.replicas.some((replica) => replica.logs().includes('a signing key was made'))).toBe(true)
    for (const replica of mcp.replicas) replica.process().signal('SIGUSR2')

    await until(async () => {
      const { json } = await machineToken(cluster)
      const answers = await Promise.all(mcp.replicas.map(() => whoami(cluster, json.access_token)))
      return answers.every(({ status }) => status === 200)
    }, takenWithin)
    for (const _ of mcp.replicas) expect((await whoami(cluster, before)).status).toBe(401)
    expect((await (await approvedDevice(cluster)).poll()).status).toBe(200)
  },
)
