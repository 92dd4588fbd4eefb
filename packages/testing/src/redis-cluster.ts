// A Redis Cluster on loopback: three masters that share the slots, with a replica each if wanted.
import { freePorts } from './programs/ports.ts'
import { createRedisFolder } from './redis-folder.ts'
import type { RedisFolder } from './redis-program.ts'
import { askRedis, startRedisServer } from './redis-server.ts'
import { until } from './until.ts'

const masterCount = 3
const slots = 16_384
/** Milliseconds after which nodes take another one for dead. */
const nodeTimeout = 2_000
const comesUpWithin = 20_000

export interface RedisCluster extends AsyncDisposable {
  /** Masters first; of replicas the first one is that of the first master. */
  readonly nodes: readonly RedisNode[]
  /** As REDIS_CLUSTER has them: the masters. */
  readonly addresses: string
  /** Resolves when every node says that all slots are served. */
  readonly untilWhole: () => Promise<void>
}

export interface RedisNode {
  readonly host: string
  readonly port: number
  readonly signal: (signal: NodeJS.Signals) => Promise<void>
  /** What one command answers, or why there is no answer. */
  readonly command: (name: string, ...parts: readonly string[]) => Promise<string>
}

export async function startRedisCluster({ replicas = false } = {}): Promise<RedisCluster> {
  await using opened = new AsyncDisposableStack()
  const count = replicas ? 2 * masterCount : masterCount
  const folder = opened.use(await createRedisFolder())
  const ports = await freePorts(2 * count)
  const [ownPorts, busPorts] = [ports.slice(0, count), ports.slice(count)]
  const nodes = await Promise.all(ownPorts.map((port, index) => startNode(folder, port, busPorts[index] as number)))
  await assemble(nodes, busPorts)
  const kept = opened.move()
  const masters = nodes.slice(0, masterCount)
  return {
    nodes,
    addresses: masters.map(({ host, port }) => `${host}:${port}`).join(','),
    untilWhole: () => untilWhole(nodes),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function assemble(nodes: readonly RedisNode[], busPorts: readonly number[]): Promise<void> {
  const masters = nodes.slice(0, masterCount)
  const bound = (index: number) => Math.round((index * slots) / masterCount)
  for (const [index, { command }] of masters.entries())
    await command('CLUSTER', 'ADDSLOTSRANGE', `${bound(index)}`, `${bound(index + 1) - 1}`)
  for (const [index, { host, port }] of nodes.entries())
    await nodes[0]?.command('CLUSTER', 'MEET', host, `${port}`, `${busPorts[index]}`)
  await untilWhole(nodes)
  for (const [index, replica] of nodes.slice(masterCount).entries()) {
    const id = await masters[index]?.command('CLUSTER', 'MYID')
    await replica.command('CLUSTER', 'REPLICATE', id ?? '')
    const isUp = async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up')
    await until(isUp, comesUpWithin)
  }
}

async function untilWhole(nodes: readonly RedisNode[]): Promise<void> {
  const knowsAll = async ({ command }: RedisNode) => {
    const info = await command('CLUSTER', 'INFO')
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`)
  }
  await until(async () => (await Promise.all(nodes.map(knowsAll))).every(Boolean), comesUpWithin, 50)
}

async function startNode(folder: RedisFolder, port: number, busPort: number): Promise<RedisNode> {
  const options = {
    '--cluster-enabled': 'yes',
    '--cluster-port': busPort,
    '--cluster-config-file': `${port}.conf`,
    '--cluster-node-timeout': nodeTimeout,
  }
  const { signal } = await startRedisServer(folder, port, ...Object.entries(options).flat().map(String))
  return {
    host: '127.0.0.1',
    port,
    signal,
    command: async (...command) => {
      const answer = await askRedis({ port }, ...command).catch((error: Error) => error.message)
      return String(answer).trim()
    },
  }
}
