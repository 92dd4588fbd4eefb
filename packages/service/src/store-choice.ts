// Which store a service keeps its state in, as the environment says it: the same variables for both services.
import { type RedisTarget, readRedisTarget } from './redis-target.ts'
import type { SettingsReader } from './settings.ts'
import type { serviceVariables } from './variables.ts'

type Reader = Pick<SettingsReader<typeof serviceVariables>, 'secret' | 'text'>

/** Says which, and nothing of what it is like: the opened one says whether replicas share it. Secret: it has passwords in it. */
export type StoreChoice =
  | { readonly kind: 'sqlite'; readonly folder: string }
  | { readonly kind: 'redis'; readonly target: RedisTarget }

/** Redis where one is named, else files in `folder`. Adds to `faults` whatever is wrong, without repeating a secret. */
export function readStoreChoice(read: Reader, folder: string, faults: string[]): StoreChoice {
  const settings = {
    url: read.secret('REDIS_URL'),
    sentinels: read.text('REDIS_SENTINELS'),
    sentinelMaster: read.text('REDIS_SENTINEL_MASTER'),
    sentinelUsername: read.text('REDIS_SENTINEL_USERNAME'),
    sentinelPassword: read.secret('REDIS_SENTINEL_PASSWORD'),
    cluster: read.text('REDIS_CLUSTER'),
  }
  const target = readRedisTarget(settings, faults)
  return target ? { kind: 'redis', target } : { kind: 'sqlite', folder }
}
