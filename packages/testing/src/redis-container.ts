import { randomBytes } from 'node:crypto'

/** The one of docker-compose.yml. */
const IMAGE = 'redis:8-trixie'

/** A Redis in a container of its own; undefined where no Docker engine answers. */
export async function startRedisContainer(): Promise<(AsyncDisposable & { readonly url: string }) | undefined> {
  // takes a while to load, and only a few test files need it
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers')
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
