// A Redis Cluster on loopback: three masters that share the slots, with a replica each if wanted.
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createRedisFolder } from './redis-folder.ts'
import { freePorts } from './redis-process.ts'
import type { RedisFolder } from './redis-program.ts'

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
  readonly command: (...parts: readonly string[]) => Promise<string>
}

export async function startRedisCluster({ replicas = false } = {}): Promise<RedisCluster> {
  const count = replicas ? 2 * masterCount : masterCount
  const folder = await createRedisFolder()
  const ports = await freePorts(2 * count)
  const started = async () => {
    const nodes = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        startNode(folder, ports[index] as number, ports[count + index] as number),
      ),
    )
    await until(async () => (await Promise.all(nodes.map(({ command }) => command('PING')))).every(isPong))
    await assemble(nodes, ports.slice(count))
    return nodes
  }
  const dispose = () => folder[Symbol.asyncDispose]()
  const nodes = await started().catch(async (error: unknown) => {
    await dispose()
    throw error
  })
  const masters = nodes.slice(0, masterCount)
  return {
    nodes,
    addresses: masters.map(({ host, port }) => `${host}:${port}`).join(','),
    untilWhole: () => untilWhole(nodes),
    [Symbol.asyncDispose]: dispose,
  }
}

const isPong = (answer: string) => answer === 'PONG'

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
    await until(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'))
  }
}

async function untilWhole(nodes: readonly RedisNode[]): Promise<void> {
  const knowsAll = async ({ command }: RedisNode) => {
    const info = await command('CLUSTER', 'INFO')
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`)
  }
  await until(async () => (await Promise.all(nodes.map(knowsAll))).every(Boolean))
}

async function startNode(folder: RedisFolder, port: number, busPort: number): Promise<RedisNode> {
  const options = {
    '--port': port,
    '--bind': '127.0.0.1',
    '--save': '',
    '--dbfilename': `${port}.rdb`,
    '--cluster-enabled': 'yes',
    '--cluster-port': busPort,
    '--cluster-config-file': `${port}.conf`,
    '--cluster-node-timeout': nodeTimeout,
  }
  const program = await folder.start(Object.entries(options).flat().map(String))
  const command = async ([name = '', ...parts]: readonly string[]) => {
    const redis = new Redis({
      host: '127.0.0.1',
      port,
      lazyConnect: true,
      retryStrategy: () => null,
      commandTimeout: 5_000,
    })
    redis.on('error', () => undefined)
    return redis
      .call(name, ...parts)
      .then(String, (error: Error) => error.message)
      .finally(() => redis.disconnect())
  }
  return {
    host: '127.0.0.1',
    port,
    signal: program.signal,
    command: (...parts) => command(parts).then((text) => text.trim()),
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + comesUpWithin
  while (!(await isSo())) {
    if (Date.now() > deadline)
      throw new Error('no Redis Cluster: these tests need Docker, or redis-server (7 or later) on the PATH')
    await wait(50)
  }
}
