// The same suite on a Redis Cluster of three masters.
import { randomUUID } from 'node:crypto'
import { type RedisTarget, readRedisTarget } from '@gatehouse/service'
import { type RedisCluster, startRedisCluster } from '@gatehouse/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRedisReplicas } from './redis.ts'
import { exerciseEverything, replicasCommands } from './suites/account.ts'
import { untilKnown } from './suites/known.ts'
import { describeReplicas } from './suites/replicas-suite.ts'

let cluster: RedisCluster
let nodes: readonly Redis[]

beforeAll(async () => {
  cluster = await startRedisCluster()
  nodes = cluster.nodes.map(({ host, port }) => new Redis({ host, port }))
}, 60_000)
afterAll(async () => {
  for (const node of nodes ?? []) node.disconnect()
  await cluster?.[Symbol.asyncDispose]()
})

function target(url?: string): RedisTarget {
  const none = { sentinels: '', sentinelMaster: '', sentinelUsername: '', sentinelPassword: '' }
  const found = readRedisTarget({ url, cluster: cluster.addresses, ...none }, [])
  if (!found) throw new Error('no target')
  return found
}

const open = (prefix: string, connection = target()) => untilKnown(openRedisReplicas({ connection, prefix }))

describeReplicas('replicas on Redis Cluster', {
  async open(count) {
    const prefix = `mcp:test-${randomUUID()}:`
    return Promise.all(Array.from({ length: count }, () => open(prefix)))
  },
})

test('an account that may use the keys of this service alone is enough', async () => {
  const [user, password] = [`test-${randomUUID()}`, randomUUID()]
  const commands = `${replicasCommands} cluster|slots cluster|info asking readonly readwrite client|setname`
  const allowed = commands.split(/\s+/).map((command) => `+${command}`)
  for (const node of nodes) {
    await node.acl('SETUSER', user, 'on', `>${password}`, 'resetchannels', '&mcp:*', '~mcp:*', '-@all', ...allowed)
  }
  const prefix = `mcp:test-${randomUUID()}:`
  const connection = target(`redis://${user}:${password}@any`)
  await using one = await open(prefix, connection)
  await using other = await open(prefix, connection)
  await exerciseEverything(one, other)
  for (const node of nodes) {
    const log = (await node.call('ACL', 'LOG')) as string[][]
    expect(log.filter((entry) => entry.includes(user))).toEqual([])
    await node.acl('DELUSER', user)
  }
})
