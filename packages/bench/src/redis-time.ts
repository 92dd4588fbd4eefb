import { Redis } from 'ioredis'

/** Milliseconds of processor time that Redis has used so far; 0 without one. */
export async function timeOfRedis(url: string | undefined): Promise<number> {
  if (!url) return 0
  const redis = new Redis(url)
  const told = await redis.info('cpu').finally(() => redis.disconnect())
  const seconds = [...told.matchAll(/^used_cpu_(?:sys|user):([\d.]+)/gm)].map(([, value]) => Number(value))
  return seconds.reduce((sum, value) => sum + value, 0) * 1_000
}
