// All that a Redis has, as a thief of its memory would find it, and all that it is told from now on.
import { connect } from 'node:net'
import type { RedisServer } from './redis.ts'

const reads: Readonly<Record<string, readonly string[]>> = {
  hash: ['HGETALL'],
  set: ['SMEMBERS'],
  list: ['LRANGE', '0', '-1'],
  zset: ['ZRANGE', '0', '-1'],
  stream: ['XRANGE', '-', '+'],
}

export interface RedisContent {
  readonly names: readonly string[]
  /** As they came over the wire: there are bytes in them that are no text. */
  readonly values: string
}

/** Throws if Redis closes the connection before the last value: half of it would prove nothing. */
export async function contentOf({ command, url }: Pick<RedisServer, 'command' | 'url'>): Promise<RedisContent> {
  const names = (await command('KEYS', '*')) as readonly string[]
  const readsOf = async (name: string): Promise<readonly string[]> => {
    const [read = '', ...more] = reads[String(await command('TYPE', name))] ?? ['GET']
    return [read, name, ...more]
  }
  const commands = await Promise.all(names.map(readsOf))
  const end = `the end of ${crypto.randomUUID()}`
  const socket = open(url)
  for (const parts of [...commands, ['ECHO', end]]) socket.write(encode(parts))
  let values = ''
  try {
    for await (const chunk of socket) {
      values += (chunk as Buffer).toString('latin1')
      if (values.includes(end)) return { names, values }
    }
  } finally {
    socket.destroy()
  }
  throw new Error(`Redis closed the connection after ${values.length} bytes: ${values.slice(-200)}`)
}

function encode(parts: readonly string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`
}

export interface RedisListener extends Disposable {
  /** Each command with its arguments, a line each; bytes that are no text as `\x…`. */
  readonly heard: () => string
}

/** Hears every command of every client (MONITOR), scripts' own ones too. */
export function listenTo({ url }: Pick<RedisServer, 'url'>): RedisListener {
  const socket = open(url)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => undefined)
  socket.write('MONITOR\r\n')
  return { heard: () => Buffer.concat(chunks).toString('latin1'), [Symbol.dispose]: () => socket.destroy() }
}

function open(url: string) {
  const { port, password } = new URL(url)
  const socket = connect({ host: '127.0.0.1', port: Number(port) })
  if (password) socket.write(encode(['AUTH', password]))
  return socket
}
