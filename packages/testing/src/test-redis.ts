// A Redis for tests: the one that TEST_REDIS_URL names, else one in a container where a Docker engine answers, else
// redis-server or valkey-server from the PATH. Never skipped.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { startRedisContainer } from './redis-container.ts'

export interface TestRedis extends AsyncDisposable {
  readonly url: string
}

export async function startTestRedis(): Promise<TestRedis> {
  const url = process.env.TEST_REDIS_URL
  if (url) return { url, [Symbol.asyncDispose]: async () => undefined }
  const contained = await startRedisContainer()
  if (contained) return contained
  for (const command of ['redis-server', 'valkey-server']) {
    const started = await startServer(command)
    if (started) return started
  }
  throw new Error(
    'The tests need a Redis (7 or later): name one by TEST_REDIS_URL, start Docker, or put redis-server or valkey-server on the PATH.',
  )
}

/** Undefined if there is no such command. */
async function startServer(command: string): Promise<TestRedis | undefined> {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-redis-'))
  const options = { '--port': `${port}`, '--bind': '127.0.0.1', '--save': '', '--appendonly': 'no', '--dir': directory }
  const server = spawn(command, Object.entries(options).flat(), { stdio: 'ignore' })
  const ended = once(server, 'exit').catch(() => undefined)
  const stop = async (): Promise<void> => {
    server.kill()
    await ended
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await once(server, 'spawn')
  } catch {
    rmSync(directory, { recursive: true, force: true })
    return undefined
  }
  const url = `redis://127.0.0.1:${port}`
  await untilReady(url).catch(async (error) => {
    await stop()
    throw error
  })
  return { url, [Symbol.asyncDispose]: stop }
}

async function untilReady(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: (times) => (times < 100 ? 50 : null) })
  redis.on('error', () => undefined)
  try {
    await redis.ping()
  } finally {
    redis.disconnect()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
