// Redis killed, and Redis hanging, for two seconds; outage.full.test.ts does the same for ten.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { goThrough, hanging, killed } from './outage.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster({ redis: { keepsData: true } })
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies('X1', 'while Redis is gone what needs none goes on, the rest is 503 at once, and all of it comes back', () =>
  goThrough(cluster, killed, 2_000),
)

verifies('X2', 'while Redis hangs nothing waits for it, and all of it comes back', () =>
  goThrough(cluster, hanging, 2_000),
)
