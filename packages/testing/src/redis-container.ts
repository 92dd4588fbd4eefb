import { randomBytes } from 'node:crypto'

/** The one of docker-compose.yml. */
const IMAGE = 'redis:8-trixie'

// takes a while to load, and only a few test files need it
const load = () => import('testcontainers')

/** A Redis in a container of its own; undefined where no Docker engine answers. */
export async function startRedisContainer(): Promise<(AsyncDisposable & { readonly url: string }) | undefined> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await load()
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (!engine) return undefined
  // its port is published on every address of the machine
  const password = randomBytes(16).toString('hex')
  const container = await new GenericContainer(IMAGE)
    .withCommand(['redis-server', '--save', '', '--appendonly', 'no', '--requirepass', password])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .start()
  return {
    url: `redis://:${password}@${container.getHost()}:${container.getMappedPort(6379)}`,
    [Symbol.asyncDispose]: async () => void (await container.stop()),
  }
}

/** redis-server, wherever it runs. */
export interface RedisProgram {
  readonly signal: (signal: NodeJS.Signals) => Promise<void>
  /** Ends it at once, and keeps nothing. */
  readonly end: () => Promise<void>
}

/**
 * redis-server with these options, in a container on this machine's own network: nodes of a cluster tell each other and
 * their clients where they are, so that all have to see them at one address. Undefined where no engine answers, or one
 * in a virtual machine.
 */
export async function startRedisProgram(options: readonly string[]): Promise<RedisProgram | undefined> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await load()
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (!engine || process.platform !== 'linux' || engine.info.containerRuntime.operatingSystem === 'Docker Desktop')
    return undefined
  const started = await new GenericContainer(IMAGE)
    .withNetworkMode('host')
    .withCommand(['redis-server', ...options])
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .start()
  const container = engine.container.getById(started.getId())
  return {
    signal: async (signal) => void (await container.kill({ signal })),
    end: async () => void (await container.remove({ force: true, v: true })),
  }
}
