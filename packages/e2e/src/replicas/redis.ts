// A real Redis of the test's own, in a container or a process, so that it can be killed, stopped by a signal, and come back
// with its data or without.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { createRedisFolder, freePorts, type RedisProgram } from '@gatehouse/testing'

const answersWithin = 10_000

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
  readonly command: (...parts: readonly string[]) => Promise<Reply>
  /** From now on it lets nobody in with another one. */
  readonly changePassword: (password: string) => Promise<void>
}

export type Reply = string | number | null | readonly Reply[]

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
  const [port = 0] = await freePorts(1)
  const folder = await createRedisFolder()
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '']
  if (keepsData) settings.push('--appendonly', 'yes', '--appendfsync', keepsData === 'always' ? 'always' : 'everysec')
  if (password) settings.push('--requirepass', password)
  let server: RedisProgram | undefined
  let current = password
  const command = (...parts: readonly string[]) => send(port, current ? [['AUTH', current], parts] : [parts])

  const start = async (...options: readonly string[]) => {
    server = await folder.start([...settings, ...options])
    const deadline = Date.now() + answersWithin
    // LOADING is an answer, too
    while (!(await command('PING').then(String, String)).match(/PONG|LOADING|NOAUTH|WRONGPASS/)) {
      if (server.hasExited() || Date.now() > deadline) throw new Error(`no Redis: ${server.output()}`)
      await wait(10)
    }
  }
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    await server?.signal(signal)
    await server?.exited
  }
  const dispose = () => folder[Symbol.asyncDispose]()
  if (running) {
    await start().catch(async (error: unknown) => {
      await dispose()
      throw error
    })
  }
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
    [Symbol.asyncDispose]: dispose,
  }
}

/** Returns the answer to the last of the commands. */
export async function send(port: number, commands: readonly (readonly string[])[]): Promise<Reply> {
  const socket = connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    for (const parts of commands) {
      const words = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`)
      socket.write(`*${parts.length}\r\n${words.join('')}`)
    }
    let text = ''
    for await (const chunk of socket) {
      text += String(chunk)
      const replies = readReplies(text)
      if (replies.length < commands.length) continue
      const last = replies.at(-1)
      if (last instanceof Error) throw last
      return last as Reply
    }
    throw new Error('Redis closed the connection')
  } finally {
    socket.destroy()
  }
}

/** All complete answers of RESP2 in `text`. */
function readReplies(text: string): (Reply | Error)[] {
  let at = 0
  const line = () => {
    const end = text.indexOf('\r\n', at)
    if (end < 0) throw new Incomplete()
    const content = text.slice(at, end)
    at = end + 2
    return content
  }
  const read = (): Reply | Error => {
    const head = line()
    const rest = head.slice(1)
    switch (head[0]) {
      case '+':
        return rest
      case '-':
        return new Error(rest)
      case ':':
        return Number(rest)
      case '*':
        return rest === '-1' ? null : Array.from({ length: Number(rest) }, () => read() as Reply)
    }
    if (rest === '-1') return null
    const content = text.slice(at, at + Number(rest))
    if (content.length < Number(rest)) throw new Incomplete()
    at += Number(rest) + 2
    return content
  }
  const replies: (Reply | Error)[] = []
  try {
    while (at < text.length) replies.push(read())
  } catch (error) {
    if (!(error instanceof Incomplete)) throw error
  }
  return replies
}

class Incomplete extends Error {}
