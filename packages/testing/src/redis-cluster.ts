// A Redis Cluster on loopback: three masters that share the slots, with a replica each if wanted; in containers where a
// Docker engine answers, else processes. TEST_REDIS_URL is of no use here, as it names one Redis.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type RedisProgram, startRedisProgram } from './redis-container.ts'

const MASTERS = 3
const SLOTS = 16_384
/** Milliseconds after which nodes take another one for dead. */
const NODE_TIMEOUT = 2_000
const COMES_UP_WITHIN = 20_000

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
  const count = replicas ? 2 * MASTERS : MASTERS
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-redis-cluster-'))
  const ports = await freePorts(2 * count)
  const started = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startNode(folder, ports[index] as number, ports[count + index] as number),
    ),
  )
  const nodes = started.map(({ node }) => node)
  const dispose = async () => {
    await Promise.all(started.map(({ program }) => program.end()))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await until(async () => (await Promise.all(nodes.map(({ command }) => command('PING')))).every(isPong))
    await assemble(nodes, ports.slice(count))
  } catch (error) {
    await dispose()
    throw error
  }
  const masters = nodes.slice(0, MASTERS)
  return {
    nodes,
    addresses: masters.map(({ host, port }) => `${host}:${port}`).join(','),
    untilWhole: () => untilWhole(nodes),
    [Symbol.asyncDispose]: dispose,
  }
}

const isPong = (answer: string) => answer === 'PONG'

async function assemble(nodes: readonly RedisNode[], busPorts: readonly number[]): Promise<void> {
  const masters = nodes.slice(0, MASTERS)
  const bound = (index: number) => Math.round((index * SLOTS) / MASTERS)
  for (const [index, { command }] of masters.entries())
    await command('CLUSTER', 'ADDSLOTSRANGE', `${bound(index)}`, `${bound(index + 1) - 1}`)
  for (const [index, { host, port }] of nodes.entries())
    await nodes[0]?.command('CLUSTER', 'MEET', host, `${port}`, `${busPorts[index]}`)
  await untilWhole(nodes)
  for (const [index, replica] of nodes.slice(MASTERS).entries()) {
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

async function startNode(folder: string, port: number, busPort: number) {
  const options = {
    '--port': port,
    '--bind': '127.0.0.1',
    '--save': '',
    '--dbfilename': `${port}.rdb`,
    '--cluster-enabled': 'yes',
    '--cluster-port': busPort,
    '--cluster-config-file': `${port}.conf`,
    '--cluster-node-timeout': NODE_TIMEOUT,
  }
  const words = Object.entries(options).flat().map(String)
  const program = (await startRedisProgram(words)) ?? startProcess([...words, '--dir', folder])
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
  const node: RedisNode = {
    host: '127.0.0.1',
    port,
    signal: program.signal,
    command: (...parts) => command(parts).then((text) => text.trim()),
  }
  return { program, node }
}

function startProcess(options: readonly string[]): RedisProgram {
  const server = spawn('redis-server', options, { stdio: 'ignore' })
  const ended = once(server, 'exit').catch(() => undefined)
  return {
    signal: async (signal) => void server.kill(signal),
    end: async () => {
      server.kill('SIGKILL')
      await ended
    },
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + COMES_UP_WITHIN
  while (!(await isSo())) {
    if (Date.now() > deadline)
      throw new Error('no Redis Cluster: these tests need Docker, or redis-server (7 or later) on the PATH')
    await wait(50)
  }
}

/** Held all at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server: Server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
