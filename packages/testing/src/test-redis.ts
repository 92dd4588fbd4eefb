// A Redis for tests: the one that TEST_REDIS_URL names, else one in a container where a Docker engine answers, else
// redis-server or valkey-server from the PATH. Never skipped.

import { Redis } from 'ioredis'
import { startRedisContainer } from './redis-container.ts'
import { createRedisDirectory, freePorts } from './redis-process.ts'

export interface TestRedis extends AsyncDisposable {
  readonly url: string
}

export async function startTestRedis(): Promise<TestRedis> {
  const url = process.env.TEST_REDIS_URL
  if (url) return { url, [Symbol.asyncDispose]: async () => undefined }
  const contained = await startRedisContainer()
  if (contained) return contained
  return await startRedisProcess()
}

async function startRedisProcess(): Promise<TestRedis> {
  const [port] = await freePorts(1)
  const url = `redis://127.0.0.1:${port}`
  const folder = createRedisDirectory()
  const stop = () => folder[Symbol.asyncDispose]()
  const options = { '--port': `${port}`, '--bind': '127.0.0.1', '--save': '', '--appendonly': 'no' }
  try {
    await folder.start(Object.entries(options).flat())
    await untilReady(url)
  } catch (error) {
    await stop()
    throw error
  }
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
