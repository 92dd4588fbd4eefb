// Which Redis: one, the master that Sentinels name, or a cluster. A pure function from settings to what to connect to.

export interface Address {
  readonly host: string
  readonly port: number
}

/** Secret: it has passwords in it. */
export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string }
  | ({
      readonly kind: 'sentinel'
      readonly sentinels: readonly Address[]
      /** What the Sentinels call the master. */
      readonly master: string
      readonly sentinelUsername: string | undefined
      readonly sentinelPassword: string | undefined
      readonly database: number
    } & Access)
  | ({ readonly kind: 'cluster'; readonly nodes: readonly Address[] } & Access)

export interface Access {
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
}

/** As the environment has them, an empty one being one that is not set. */
export interface RedisSettings {
  /** `REDIS_URL`: scheme, user, password and database; the host counts for a single Redis alone. */
  readonly url: string | undefined
  /** `REDIS_SENTINELS`: `host:port`, comma-separated. */
  readonly sentinels: string | undefined
  /** `REDIS_SENTINEL_MASTER` */
  readonly sentinelMaster: string | undefined
  /** `REDIS_SENTINEL_USERNAME`, `REDIS_SENTINEL_PASSWORD`: of the Sentinels themselves. */
  readonly sentinelUsername: string | undefined
  readonly sentinelPassword: string | undefined
  /** `REDIS_CLUSTER`: some nodes, `host:port`, comma-separated. */
  readonly cluster: string | undefined
}

const defaultMaster = 'mymaster'
const sentinelPort = 26_379
const redisPort = 6_379

/** Undefined without any Redis. Adds to `faults` whatever is wrong, without repeating a secret. */
export function readRedisTarget(settings: RedisSettings, faults: string[]): RedisTarget | undefined {
  const sentinels = readAddresses('REDIS_SENTINELS', settings.sentinels, sentinelPort, faults)
  const nodes = readAddresses('REDIS_CLUSTER', settings.cluster, redisPort, faults)
  const url = readUrl(settings.url, faults)
  if (settings.sentinels && settings.cluster) faults.push('REDIS_SENTINELS and REDIS_CLUSTER are both set: set one.')
  if (!settings.sentinels) refuseWithoutSentinels(settings, faults)

  if (settings.sentinels) {
    return {
      kind: 'sentinel',
      sentinels,
      master: settings.sentinelMaster || defaultMaster,
      sentinelUsername: settings.sentinelUsername || undefined,
      sentinelPassword: settings.sentinelPassword || undefined,
      database: url ? databaseOf(url) : 0,
      ...accessOf(url),
    }
  }
  if (settings.cluster) {
    if (url && databaseOf(url) !== 0) faults.push('REDIS_URL names a database: a cluster (REDIS_CLUSTER) has none.')
    return { kind: 'cluster', nodes, ...accessOf(url) }
  }
  return settings.url ? { kind: 'single', url: settings.url } : undefined
}

function refuseWithoutSentinels(settings: RedisSettings, faults: string[]): void {
  const of = {
    REDIS_SENTINEL_MASTER: settings.sentinelMaster,
    REDIS_SENTINEL_USERNAME: settings.sentinelUsername,
    REDIS_SENTINEL_PASSWORD: settings.sentinelPassword,
  }
  for (const [name, value] of Object.entries(of)) {
    if (value) faults.push(`${name} is set and REDIS_SENTINELS is not: set both.`)
  }
}

function readUrl(value: string | undefined, faults: string[]): URL | undefined {
  if (!value) return undefined
  const url = URL.parse(value)
  if (!url || !/^rediss?:$/.test(url.protocol)) faults.push('REDIS_URL must be a redis:// or rediss:// URL.')
  else if (!/^\/?\d*$/.test(url.pathname)) faults.push('REDIS_URL has a path that is no database number.')
  else if (!isDecodable(url)) faults.push('REDIS_URL has a user or a password with a stray %: write it as %25.')
  else return url
  return undefined
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

function databaseOf({ pathname }: URL): number {
  return Number(pathname.slice(1))
}

function accessOf(url: URL | undefined): Access {
  return {
    tls: url?.protocol === 'rediss:',
    username: decodeURIComponent(url?.username ?? '') || undefined,
    password: decodeURIComponent(url?.password ?? '') || undefined,
  }
}

function readAddresses(name: string, value = '', standard: number, faults: string[]): readonly Address[] {
  const entries = value
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
  if (value && entries.length === 0) faults.push(`${name} names nobody.`)
  return entries.flatMap((entry) => {
    // "redis" stands for any scheme: host and port are what is looked at
    const url = URL.parse(`redis://${entry}`)
    const isBare = url && url.href.toLowerCase() === `redis://${entry}`.toLowerCase() && url.hostname && !url.username
    if (isBare && !/[/?#@]/.test(entry) && url.port !== '0') {
      return [{ host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || standard) }]
    }
    // what stands before an @ may be a password
    const shown = entry.includes('@') ? 'one with an @' : `"${entry}"`
    faults.push(`${name} takes addresses such as redis-1:${standard}, comma-separated: ${shown} is not one.`)
    return []
  })
}
