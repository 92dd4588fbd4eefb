// Redis with Sentinels: the master is cut off from all of them and from its replica, but the services still reach it.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { goThroughFailover } from './failover.ts'
import { type SentinelSetup, startSentinels } from './sentinels.ts'

let sentinels: SentinelSetup
let cluster: Cluster

beforeAll(async () => {
  sentinels = await startSentinels()
  cluster = await startCluster({ auth: 2, mcp: 1, redis: { running: false }, env: sentinels.env })
}, 120_000)
beforeEach(() => sentinels.untilSettled())
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]()
  await sentinels?.[Symbol.asyncDispose]()
})

verifies(['X9', 'F2'], 'a master that was cut off is left for the new one, and nothing is given twice', () =>
  goThroughFailover(cluster, sentinels, {
    name: 'cut off from the rest, but not from the services',
    begin: ({ link }) => link.cutOff(),
    end: ({ link }) => link.heal(),
    lasts: 2_500,
    outage: 5_000,
  }),
)
