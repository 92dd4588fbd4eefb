// A master, a replica and three Sentinels, all of them real, on loopback. Every Redis is reached through a link.
import { allowing, askRedis, createRedisFolder, freePorts, type RedisFolder, until } from '@gatehouse/testing'
import { type RedisServer, startRedis } from './redis.ts'
import { type RedisLink, startRedisLink } from './redis-link.ts'

const masterName = 'gatehouse'
/** Planted: no log may have them. */
export const passwords = {
  redis: 'a-planted-password-of-redis',
  sentinel: 'a-planted-password-of-the-sentinels',
} as const
/** What docs/storage-schema.md, docs/adr/0006 and 0010, and docs/operations.md say that both services need together. */
const allowedCommands = `hello auth ping quit info time eval evalsha get set del exists incr decr incrby decrby pttl pexpire persist
  hget hset hmget hdel hincrby xadd xlen xdel xrange xrevrange zadd zcard zrange zrem zremrangebyscore scan publish subscribe unsubscribe
  wait select`
const asks = 'hello auth ping subscribe sentinel|get-master-addr-by-name'
/** Milliseconds of silence after which a Sentinel takes a Redis for dead. */
const downAfter = 1_000
/** Milliseconds; another failover begins after twice as long at the earliest. */
const failoverTimeout = 3_000
const settlesWithin = 30_000

export interface Node extends AsyncDisposable {
  readonly redis: RedisServer
  readonly link: RedisLink
  /** Starts it, as a replica if the address of a master is given. */
  readonly start: (masterPort?: number) => Promise<void>
}

export interface SentinelSetup extends AsyncDisposable {
  /** For the services. */
  readonly env: Readonly<Record<string, string>>
  /** Who the Sentinels say is the master, and the other one. */
  readonly roles: () => Promise<{ readonly master: Node; readonly replica: Node }>
  /** Resolves when there is a master with a replica that is up to date, and all Sentinels say so. */
  readonly untilSettled: () => Promise<void>
}

export async function startSentinels(): Promise<SentinelSetup> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await createRedisFolder())
  const nodes = [opened.use(await createNode()), opened.use(await createNode())] as const
  const [first, second] = nodes
  const ports = await freePorts(3)

  const portAt = async (port: number) => {
    const answer = await askRedis({ port }, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName)
    return Number((answer as readonly string[] | null)?.[1])
  }
  const roles = async () => {
    const port = await portAt(ports[0] ?? 0)
    return port === second.link.port ? { master: second, replica: first } : { master: first, replica: second }
  }
  const isSettled = async () => {
    const told = new Set(await Promise.all(ports.map(portAt)))
    if (told.size > 1 || Number.isNaN([...told][0])) return false
    const { master } = await roles()
    const info = String(await master.redis.command('INFO', 'replication'))
    const knows = await Promise.all(ports.map(async (port) => String(await askRedis({ port }, 'INFO', 'sentinel'))))
    const all = /status=ok,address=[^,]*,slaves=1,sentinels=3/
    return /slave0:.*state=online.*lag=[01]\b/.test(info) && knows.every((text) => all.test(text))
  }
  const untilSettled = async () => {
    await until(() => isSettled().catch(() => false), settlesWithin)
  }
  await first.start()
  await second.start(first.link.port)
  await Promise.all(ports.map((port) => startSentinel(folder, port, first.link.port)))
  await untilSettled()
  const kept = opened.move()
  return {
    env: {
      REDIS_URL: `redis://services:${passwords.redis}@any/1`,
      REDIS_SENTINELS: ports.map((port) => `127.0.0.1:${port}`).join(','),
      REDIS_SENTINEL_MASTER: masterName,
      REDIS_SENTINEL_USERNAME: 'asker',
      REDIS_SENTINEL_PASSWORD: passwords.sentinel,
    },
    roles,
    untilSettled,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function createNode(): Promise<Node> {
  await using opened = new AsyncDisposableStack()
  const redis = opened.use(await startRedis({ keepsData: true, running: false }))
  const link = opened.use(await startRedisLink(Number(new URL(redis.url).port)))
  const announced = ['--replica-announce-ip', '127.0.0.1', '--replica-announce-port', `${link.port}`]
  const account = ['on', `>${passwords.redis}`, '~auth:*', '~mcp:*', '&mcp:*', '-@all', ...allowing(allowedCommands)]
  const kept = opened.move()
  return {
    redis,
    link,
    start: (masterPort) =>
      redis.start(
        ...announced,
        '--user',
        'services',
        ...account,
        ...(masterPort ? ['--replicaof', '127.0.0.1', `${masterPort}`] : []),
      ),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function startSentinel(folder: RedisFolder, port: number, masterPort: number): Promise<void> {
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${masterName} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${masterName} ${downAfter}`,
    `user asker on >${passwords.sentinel} &+switch-master -@all ${allowing(asks).join(' ')}`,
    `sentinel failover-timeout ${masterName} ${failoverTimeout}`,
  ]
  await folder.start(['--sentinel'], `${lines.join('\n')}\n`)
}
