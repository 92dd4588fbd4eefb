// A Redis for tests: the one that TEST_REDIS_URL names, else one in a container where a Docker engine answers, else
// redis-server or valkey-server from the PATH. Never skipped.
import { freePorts } from './programs/ports.ts'
import { startRedisContainer } from './redis-container.ts'
import { createRedisDirectory } from './redis-process.ts'
import { startRedisServer } from './redis-server.ts'

export interface TestRedis extends AsyncDisposable {
  readonly url: string
}

export async function startTestRedis(): Promise<TestRedis> {
  const url = process.env.TEST_REDIS_URL
  if (url) return { url, [Symbol.asyncDispose]: async () => undefined }
  return (await startRedisContainer()) ?? (await startRedisProcess())
}

async function startRedisProcess(): Promise<TestRedis> {
  await using opened = new AsyncDisposableStack()
  const [port = 0] = await freePorts(1)
  await startRedisServer(opened.use(createRedisDirectory()), port, '--appendonly', 'no')
  const kept = opened.move()
  return { url: `redis://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
