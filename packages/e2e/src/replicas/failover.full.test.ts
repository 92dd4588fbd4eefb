// Redis with Sentinels: the master is killed, or hangs.
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

verifies(['X9', 'F2'], 'the master of Redis is killed: sign-ins go on in seconds, and nothing is given twice', () =>
  goThroughFailover(cluster, sentinels, {
    name: 'killed',
    begin: ({ redis }) => redis.kill(),
    end: (old) => old.start(),
    lasts: 1_500,
    outage: 3_000,
  }),
)

verifies(['X9', 'F2'], 'the master of Redis hangs: sign-ins go on in seconds, and nothing is given twice', () =>
  goThroughFailover(cluster, sentinels, {
    name: 'hanging (SIGSTOP)',
    begin: ({ redis }) => redis.hang(),
    end: ({ redis }) => redis.resume(),
    lasts: 2_500,
    outage: 5_000,
  }),
)
