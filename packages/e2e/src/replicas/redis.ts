// A real Redis of the test's own, in a container or a process, so that it can be killed, stopped by a signal, and come back
// with its data or without.
import {
  askRedis,
  createRedisFolder,
  freePorts,
  type RedisProgram,
  type RedisReply,
  startRedisServer,
} from '@gatehouse/testing'

export interface RedisServer extends AsyncDisposable {
  readonly url: string
  /** Starts it again on the same port, with what is left in its folder. Options as on its command line. */
  readonly start: (...options: readonly string[]) => Promise<void>
  /** SIGKILL unless told otherwise: without persistence the data is lost. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** SIGSTOP: connections stay open, and nobody answers. */
  readonly hang: () => Promise<void>
  readonly resume: () => Promise<void>
  /** One command on a connection of its own. Throws what Redis refuses. */
  readonly command: (name: string, ...parts: readonly string[]) => Promise<RedisReply>
  /** From now on it lets nobody in with another one. */
  readonly changePassword: (password: string) => Promise<void>
}

export interface RedisOptions {
  /**
   * Whether it appends what it is told to a file: then a restart has the data. `true` as in production, once a second;
   * `always` before it answers, so that nothing acknowledged is lost. By default not.
   */
  readonly keepsData?: boolean | 'always'
  readonly password?: string
  /** By default true. */
  readonly running?: boolean
}

export async function startRedis({
  keepsData = false,
  password,
  running = true,
}: RedisOptions = {}): Promise<RedisServer> {
  await using opened = new AsyncDisposableStack()
  const [port = 0] = await freePorts(1)
  const folder = opened.use(await createRedisFolder())
  const settings: string[] = []
  if (keepsData) settings.push('--appendonly', 'yes', '--appendfsync', keepsData === 'always' ? 'always' : 'everysec')
  if (password) settings.push('--requirepass', password)
  let server: RedisProgram | undefined
  let current = password
  const command: RedisServer['command'] = (...parts) => askRedis({ port, password: current }, ...parts)
  const start = async (...options: readonly string[]) => {
    server = await startRedisServer(folder, port, ...settings, ...options)
  }
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    await server?.signal(signal)
    await server?.exited
  }
  if (running) await start()
  const kept = opened.move()
  return {
    url: `redis://${password ? `:${password}@` : ''}127.0.0.1:${port}`,
    start,
    kill,
    hang: async () => await server?.signal('SIGSTOP'),
    resume: async () => await server?.signal('SIGCONT'),
    command,
    changePassword: async (changed) => {
      await command('CONFIG', 'SET', 'requirepass', changed)
      current = changed
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
