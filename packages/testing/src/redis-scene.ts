// What a test file has of a Redis: a connection to each node, and names of its own, as the Redis may be one that others use, too.
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { type RedisCluster, startRedisCluster } from './redis-cluster.ts'
import { startTestRedis } from './test-redis.ts'

/** Disposing leaves nothing that has these names, and ends the Redis if it was started for it. */
export interface RedisScene<Connection = string | ClusterTarget> extends AsyncDisposable {
  readonly connection: Connection
  /** A connection to each node that holds data. */
  readonly nodes: readonly [Redis, ...Redis[]]
  /** What names of keys may begin with: another one each time. */
  readonly newPrefix: () => string
  /** Calls a function with each key that begins so. */
  readonly onEachKey: <T>(prefix: string, run: (node: Redis, key: string) => Promise<T>) => Promise<T[]>
  /** Takes milliseconds from the life of each key that begins so. */
  readonly elapse: (prefix: string, time: number) => Promise<void>
}

/** How services are told of a cluster. */
export interface ClusterTarget {
  readonly kind: 'cluster'
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
}

/** `service` is what all keys of a service begin with. */
export async function openTestRedis(service: 'auth' | 'mcp'): Promise<RedisScene<string>> {
  const server = await startTestRedis()
  const admin = new Redis(server.url)
  const scene = createScene(service, server, server.url, [admin])
  const { namespace, onEachKey } = scene
  const dispose = async () => {
    await onEachKey(namespace, (_, key) => admin.del(key))
    await scene[Symbol.asyncDispose]()
  }
  return { ...scene, [Symbol.asyncDispose]: dispose }
}

export async function openTestCluster(
  service: 'auth' | 'mcp',
): Promise<RedisScene<ClusterTarget> & { readonly cluster: RedisCluster }> {
  const cluster = await startRedisCluster()
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
  const connection: ClusterTarget = { kind: 'cluster', nodes, tls: false, username: undefined, password: undefined }
  const [first, ...others] = nodes.map((node) => new Redis(node))
  return { ...createScene(service, cluster, connection, [first as Redis, ...others]), cluster }
}

function createScene<Connection>(
  service: string,
  server: AsyncDisposable,
  connection: Connection,
  nodes: readonly [Redis, ...Redis[]],
): RedisScene<Connection> & { readonly namespace: string } {
  const namespace = `${service}:test-${randomUUID()}`
  const onEachKey: RedisScene['onEachKey'] = async (prefix, run) => {
    const results = nodes.map(async (node) => Promise.all((await node.keys(`${prefix}*`)).map((key) => run(node, key))))
    return (await Promise.all(results)).flat()
  }
  return {
    connection,
    nodes,
    namespace,
    newPrefix: () => `${namespace}:${randomUUID()}:`,
    onEachKey,
    elapse: async (prefix, time) => void (await onEachKey(prefix, (node, key) => shorten(node, key, time))),
    async [Symbol.asyncDispose]() {
      for (const node of nodes) node.disconnect()
      await server[Symbol.asyncDispose]()
    },
  }
}

async function shorten(node: Redis, key: string, time: number): Promise<void> {
  const rest = await node.pttl(key)
  if (rest < 0) return
  if (rest <= time) await node.del(key)
  else await node.pexpire(key, Math.round(rest - time))
}
