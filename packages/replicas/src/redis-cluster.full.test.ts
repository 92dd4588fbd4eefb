// The same suite on a Redis Cluster of three masters.
import { createRedisAccount, openTestCluster } from '@gatehouse/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRedisReplicas } from './redis.ts'
import { exerciseEverything, replicasCommands } from './suites/account.ts'
import { untilKnown } from './suites/known.ts'
import { describeReplicas } from './suites/replicas-suite.ts'

let redis: Awaited<ReturnType<typeof openTestCluster>>

beforeAll(async () => {
  redis = await openTestCluster('mcp')
}, 60_000)
afterAll(() => redis?.[Symbol.asyncDispose]())

const open = (prefix: string, connection = redis.connection) => untilKnown(openRedisReplicas({ connection, prefix }))

describeReplicas('replicas on Redis Cluster', {
  async open(count) {
    const prefix = redis.newPrefix()
    return Promise.all(Array.from({ length: count }, () => open(prefix)))
  },
})

test('an account that may use the keys of this service alone is enough', async () => {
  const commands = `${replicasCommands} cluster|slots cluster|info asking readonly readwrite client|setname`
  await using account = await createRedisAccount(redis.nodes, '~mcp:* &mcp:*', commands)
  const { username, password } = account
  const connection = { ...redis.connection, username, password }
  const prefix = redis.newPrefix()
  await using one = await open(prefix, connection)
  await using other = await open(prefix, connection)
  await exerciseEverything(one, other)
  expect(await account.refusals()).toEqual([])
})
