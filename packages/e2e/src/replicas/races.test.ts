// Races across two processes on one Redis; races.full.test.ts runs many more rounds.
import { verifies } from '@gatehouse/testing'
import { afterAll, beforeAll } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { raceForEverything, raceToDecide, raceToRevoke } from './races.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
}, 120_000)
afterAll(() => cluster[Symbol.asyncDispose]())

verifies(
  ['T11', 'D10', 'F2'],
  'of twenty requests at two replicas for one code, device code or refresh token, one wins and its tokens live',
  () => raceForEverything(cluster, 4),
)

verifies('RV4', 'of a family that is revoked while it is renewed nothing lives on', () => raceToRevoke(cluster, 4))

verifies(
  'A22',
  'of approvals and refusals of one form at two replicas one decision counts, and is one app or none',
  () => raceToDecide(cluster, 3),
)
