// As outage.test.ts, for ten seconds: the figures of docs/faults.md.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { goThrough, hanging, killed } from './outage.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ auth: 2, mcp: 3, redis: { keepsData: true } })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies('X1', 'Redis is gone for ten seconds: what needs none goes on, the rest is 503 at once, and comes back', () =>
  goThrough(cluster, killed, 10_000),
)

verifies('X2', 'Redis hangs for ten seconds: nothing waits for it, and all of it comes back', () =>
  goThrough(cluster, hanging, 10_000),
)
