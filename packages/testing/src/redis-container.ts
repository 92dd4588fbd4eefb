import { randomBytes, randomUUID } from 'node:crypto'
import { openRedisFolder, type RedisFile, type RedisFolder, type RedisProgram } from './redis-program.ts'

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
  return openRedisFolder({
    path: data,
    run: (words, files) => startContainer(volume, words, files),
    remove: () => engine.container.dockerode.getVolume(volume).remove().catch(unless(notThere)),
  })
}

async function startContainer(
  volume: string,
  words: readonly string[],
  files: readonly RedisFile[],
): Promise<RedisProgram> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await load()
  let output = ''
  const started = await new GenericContainer(image)
    .withNetworkMode('host')
    .withBindMounts([{ source: volume, target: data }])
    .withCopyContentToContainer(files.map((file) => ({ ...file, mode: 0o666 })))
    .withCommand(['redis-server', ...words])
    .withLogConsumer((lines) => void lines.on('data', (line) => (output += String(line))))
    .withWaitStrategy(Wait.forLogMessage('Running mode=')) // it may still load its file
    .start()
  const engine = await getContainerRuntimeClient()
  const container = engine.container.getById(started.getId())
  let hasExited = false
  const end = () => {
    hasExited = true
  }
  return {
    signal: (signal) => container.kill({ signal }).then(() => undefined, unless(notRunning)),
    hasExited: () => hasExited,
    exited: container.wait().then(end, end),
    output: () => output,
    [Symbol.asyncDispose]: () => container.remove({ force: true, v: true }),
  }
}

/** Lets the engine's answer of that status pass, and no other. */
function unless(status: number) {
  return (error: { statusCode?: number }) => {
    if (error.statusCode !== status) throw error
  }
}
