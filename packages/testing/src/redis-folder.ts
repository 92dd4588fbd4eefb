// redis-server where tests may do with it what they want: kill it, hang it, start it again with what it kept. In containers
// where a Docker engine answers, else processes. TEST_REDIS_URL is of no use here: nobody does that to a Redis of others.
import { createRedisVolume } from './redis-container.ts'
import { createRedisDirectory } from './redis-process.ts'
import type { RedisFolder } from './redis-program.ts'

/** Nothing is started yet. Throws once something is to be started where there is neither. */
export async function createRedisFolder(): Promise<RedisFolder> {
  return (await createRedisVolume()) ?? createRedisDirectory()
}
