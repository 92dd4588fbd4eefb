// The races of races.test.ts, many times: at two replicas, and while one of three dies and comes back.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { raceForEverything, raceToRevoke } from './races.ts'

const rounds = 50

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies(['T11', 'D10', 'F2'], 'fifty times twenty requests for each: one wins, and its tokens live', () =>
  raceForEverything(cluster, rounds),
)

verifies('RV4', 'fifty times a family is revoked while it is renewed, and nothing of it lives on', () =>
  raceToRevoke(cluster, rounds),
)
