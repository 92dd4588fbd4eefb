import { randomBytes, randomUUID } from 'node:crypto'
import type { RedisFolder, RedisProgram } from './redis-program.ts'

/** The one of docker-compose.yml. */
const image = 'redis:8-trixie'
/** Where it has its data. */
const data = '/data'

/** What the engine says of a container that has ended, and of a volume that nobody used. */
const notRunning = 409
const notThere = 404

// takes a while to load, and only a few test files need it
const load = () => import('testcontainers')

/** A Redis in a container of its own; undefined where no Docker engine answers. */
export async function startRedisContainer(): Promise<(AsyncDisposable & { readonly url: string }) | undefined> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await load()
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (!engine) return undefined
  // its port is published on every address of the machine
  const password = randomBytes(16).toString('hex')
  const container = await new GenericContainer(image)
    .withCommand(['redis-server', '--save', '', '--appendonly', 'no', '--requirepass', password])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage('Ready to accept connections'))
    .start()
  return {
    url: `redis://:${password}@${container.getHost()}:${container.getMappedPort(6379)}`,
    [Symbol.asyncDispose]: async () => void (await container.stop()),
  }
}

/**
 * A volume of the engine, for redis-server in containers on this machine's own network: nodes of a cluster, and Sentinels,
 * tell each other and their clients where they are, so that all have to see them at one address, and a Redis that starts
 * again has to come back on its port. Undefined where no engine answers, or one in a virtual machine.
 */
export async function createRedisVolume(): Promise<RedisFolder | undefined> {
  const { getContainerRuntimeClient } = await load()
  const engine = await getContainerRuntimeClient().catch(() => undefined)
  if (!engine || process.platform !== 'linux' || engine.info.containerRuntime.operatingSystem === 'Docker Desktop')
    return undefined
  const volume = `gatehouse-redis-${randomUUID()}`
  const started: Promise<Started>[] = []
  return {
    async start(options, configuration) {
      const file = `${data}/${randomUUID()}.conf`
      const starting = startContainer(volume, {
        words: [...(configuration === undefined ? [] : [file]), '--dir', data, ...options],
        files: configuration === undefined ? [] : [{ content: configuration, target: file, mode: 0o666 }],
      })
      started.push(starting)
      return programIn(await starting)
    },
    async [Symbol.asyncDispose]() {
      // what failed to start has been removed already
      await Promise.all(
        started.map((starting) =>
          starting.then(
            ({ container }) => container.remove({ force: true, v: true }),
            () => undefined,
          ),
        ),
      )
      await engine.container.dockerode.getVolume(volume).remove().catch(unless(notThere))
    },
  }
}

type Engine = Awaited<ReturnType<typeof import('testcontainers')['getContainerRuntimeClient']>>
type Container = ReturnType<Engine['container']['getById']>

interface Started {
  readonly container: Container
  readonly output: () => string
}

interface Start {
  readonly words: readonly string[]
  readonly files: { readonly content: string; readonly target: string; readonly mode: number }[]
}

async function startContainer(volume: string, { words, files }: Start): Promise<Started> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await load()
  let output = ''
  const started = await new GenericContainer(image)
    .withNetworkMode('host')
    .withBindMounts([{ source: volume, target: data }])
    .withCopyContentToContainer(files)
    .withCommand(['redis-server', ...words])
    .withLogConsumer((lines) => void lines.on('data', (line) => (output += String(line))))
    .withWaitStrategy(Wait.forLogMessage('Running mode=')) // it may still load its file
    .start()
  const { container } = await getContainerRuntimeClient()
  return { container: container.getById(started.getId()), output: () => output }
}

function programIn({ container, output }: Started): RedisProgram {
  let hasExited = false
  const end = () => {
    hasExited = true
  }
  return {
    signal: (signal) => container.kill({ signal }).then(() => undefined, unless(notRunning)),
    hasExited: () => hasExited,
    exited: container.wait().then(end, end),
    output,
  }
}

/** Lets the engine's answer of that status pass, and no other. */
function unless(status: number) {
  return (error: { statusCode?: number }) => {
    if (error.statusCode !== status) throw error
  }
}
