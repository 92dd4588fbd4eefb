// Several replicas of both services as real processes on one real Redis, behind one address each: what people deploy.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, keepLogs, type RunningProcess, startProcess, untilAnswers } from '@gatehouse/testing'
import { type RedisOptions, type RedisServer, startRedis } from './redis.ts'
import { type RedisProxy, startRedisProxy } from './redis-proxy.ts'
import { type Switch, startSwitch } from './switch.ts'

/** These clients are in the client file of every replica. */
export const terminal = {
  client_id: 'terminal',
  client_name: 'Terminal',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  redirect_uris: ['http://127.0.0.1/callback'],
} as const

export const robot = {
  client_id: 'robot',
  client_secret: 'a-planted-secret-of-the-robot',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
} as const

/** The MCP server's own client, which may ask about every token for it. */
export const resourceServer = {
  ...robot,
  client_id: 'resource-server',
  client_secret: 'a-planted-secret-of-the-resource-server',
} as const

export interface ClusterOptions {
  readonly auth?: number
  readonly mcp?: number
  /** Lifetimes in seconds, as in AUTH_LIFETIMES. Devices poll every second unless told otherwise. */
  readonly lifetimes?: Readonly<Record<string, number>>
  readonly redis?: RedisOptions
  /** So many replicas of auth, the first ones, reach Redis through a proxy each. By default none. */
  readonly proxied?: number
  /** What the proxies are called, if not 127.0.0.1. */
  readonly proxyName?: string
  /** Added to what every replica has, as where another Redis is than the one that is started here. */
  readonly env?: Readonly<Record<string, string>>
  /** By default all are started, and ready when this returns. */
  readonly started?: boolean
}

export interface StartOptions {
  /** By default true; else it is enough that it lives. */
  readonly untilReady?: boolean
  /** Instead of what it has otherwise. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Replica {
  /** Its own address, without the switch. */
  readonly url: string
  readonly process: () => RunningProcess
  /** Starts it, again on its own port. Resolves when it is ready. */
  readonly start: (options?: StartOptions) => Promise<void>
  /** SIGKILL. Resolves when it is gone. */
  readonly kill: () => Promise<void>
  /** SIGTERM. Resolves with its exit code. */
  readonly stop: () => Promise<number | null>
  /** What all processes of this replica wrote. */
  readonly logs: () => string
}

export interface Service {
  readonly door: Switch
  readonly replicas: readonly Replica[]
}

export interface Cluster extends AsyncDisposable {
  readonly issuer: string
  readonly resource: string
  readonly redis: RedisServer
  readonly proxies: readonly RedisProxy[]
  readonly auth: Service
  readonly mcp: Service
  readonly logs: () => string
  readonly untilReady: () => Promise<void>
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { auth: authCount = 2, mcp: mcpCount = 1, lifetimes = {}, started = true, proxied = 0 } = options
  const [redis, ports] = await Promise.all([startRedis(options.redis), freePorts(2 + authCount + mcpCount)])
  const [authPort = 0, mcpPort = 0, ...own] = ports
  const authPorts = own.slice(0, authCount)
  const mcpPorts = own.slice(authCount)
  const issuer = `http://localhost:${authPort}`
  const resource = `http://localhost:${mcpPort}/mcp`
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-replicas-'))
  const clientsFile = join(folder, 'clients.json')
  const clients = [terminal, robot, { ...resourceServer, resource_server: resource }]
  writeFileSync(clientsFile, JSON.stringify(clients))

  const { REDIS_URL: elsewhere, ...added } = options.env ?? {}
  const common = { HOST: '127.0.0.1', TRUST_PROXY: '127.0.0.1', LOG_LEVEL: 'info', ...added }
  const proxies = await Promise.all(Array.from({ length: proxied }, () => startRedisProxy(redis.url)))
  const urls = proxies.map(({ url }) => url.replace('127.0.0.1', options.proxyName ?? '127.0.0.1'))
  const authReplicas = authPorts.map((port, replica) =>
    createReplica('auth', port, {
      ...common,
      DATA_DIR: join(folder, `auth-${replica}`),
      REDIS_URL: elsewhere ?? urls[replica] ?? redis.url,
      AUTH_SECRET: 'the one that all replicas of these tests share',
      AUTH_ISSUER: issuer,
      AUTH_RESOURCES: JSON.stringify([{ resource, name: 'Gatehouse MCP server' }]),
      AUTH_LIFETIMES: JSON.stringify({ deviceInterval: 1, ...lifetimes }),
      AUTH_CLIENTS_FILE: clientsFile,
      AUTH_DEV_LOGIN: 'true',
    }),
  )
  const mcpReplicas = mcpPorts.map((port, replica) =>
    createReplica('mcp', port, {
      ...common,
      DATA_DIR: join(folder, `mcp-${replica}`),
      REDIS_URL: elsewhere ?? redis.url,
      MCP_RESOURCE_URL: resource,
      MCP_ISSUER: issuer,
    }),
  )
  const doors = await Promise.all([startSwitch(authPort, authPorts), startSwitch(mcpPort, mcpPorts)])
  const replicas = [...authReplicas, ...mcpReplicas]
  const logs = () => replicas.map((replica) => replica.logs()).join('\n')
  const dispose = async () => {
    await redis.resume()
    await Promise.all([
      ...replicas.map((replica) => replica.kill()),
      ...doors.map((door) => door[Symbol.asyncDispose]()),
      ...proxies.map((proxy) => proxy[Symbol.asyncDispose]()),
    ])
    await redis[Symbol.asyncDispose]()
    keepLogs(logs(), authPort)
    rmSync(folder, { recursive: true, force: true })
  }
  const untilReady = async () => {
    await Promise.all(replicas.map((replica) => replica.start()))
  }
  try {
    if (started) await untilReady()
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    issuer,
    resource,
    redis,
    proxies,
    auth: { door: doors[0], replicas: authReplicas },
    mcp: { door: doors[1], replicas: mcpReplicas },
    logs,
    untilReady,
    [Symbol.asyncDispose]: dispose,
  }
}

function createReplica(name: 'auth' | 'mcp', port: number, env: Readonly<Record<string, string>>): Replica {
  const url = `http://127.0.0.1:${port}`
  const before: string[] = []
  let current: RunningProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    const ending = current
    if (!ending) return null
    ending.signal(signal)
    const { code } = await ending.exited
    if (current === ending) {
      current = undefined
      before.push(ending.output())
    }
    return code
  }
  return {
    url,
    process: () => {
      if (!current) throw new Error(`${name} does not run`)
      return current
    },
    start: async ({ untilReady = true, env: changes = {} } = {}) => {
      current ??= startProcess([`apps/${name}/src/main.ts`], { env: { ...env, PORT: String(port), ...changes } })
      await untilAnswers(current, `${url}/${untilReady ? 'readyz' : 'livez'}`)
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    logs: () => [...before, current?.output() ?? ''].join('\n'),
  }
}
