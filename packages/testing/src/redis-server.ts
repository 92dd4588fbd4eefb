// redis-server on a port of loopback: from its start until it answers, and what one command answers.
import { Redis } from 'ioredis'
import type { RedisFolder, RedisProgram } from './redis-program.ts'
import { until } from './until.ts'

const answersWithin = 10_000

export type RedisReply = string | number | null | readonly RedisReply[]

/** Resolves when it answers, even if it still loads its file, or wants a password. */
export async function startRedisServer(
  folder: RedisFolder,
  port: number,
  ...options: readonly string[]
): Promise<RedisProgram> {
  const files = ['--save', '', '--dbfilename', `${port}.rdb`]
  const program = await folder.start(['--port', `${port}`, '--bind', '127.0.0.1', ...files, ...options])
  const answers = async () => {
    if (program.hasExited()) throw new Error(`no Redis: ${program.output()}`)
    return /PONG|LOADING|NOAUTH/.test(await askRedis({ port }, 'PING').then(String, String))
  }
  await until(answers, answersWithin, 10)
  return program
}

/** One command on a connection of its own. Throws what Redis refuses. */
export async function askRedis(
  { port, password }: { readonly port: number; readonly password?: string | undefined },
  name: string,
  ...parts: readonly string[]
): Promise<RedisReply> {
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    ...(password && { password }),
    lazyConnect: true,
    enableReadyCheck: false, // while it loads its file it answers, too
    disableClientInfo: true, // an account may not be allowed to say it
    retryStrategy: () => null,
    commandTimeout: 5_000,
  })
  redis.on('error', () => undefined)
  try {
    return (await redis.call(name, ...parts)) as RedisReply
  } finally {
    redis.disconnect()
  }
}
