// The variables of both services: what each is for, and what is read where it is not set. docs/variables.md is made of
// these tables (scripts/variables.mjs). How a value is judged is in settings.ts.

/** One environment variable. What is told here is a cell of the manual, in Markdown. */
export interface Variable {
  readonly does: string
  readonly default?: string
  /** How the default is told, where the code finds it out. */
  readonly otherwise?: string
  /** All that it may be. */
  readonly values?: readonly string[]
  /** The greatest number that it may be. */
  readonly most?: number
  /** Whether `NAME_FILE` may name a file that has the value. */
  readonly secret?: true
}

export type Variables = Readonly<Record<string, Variable>>

export const serviceVariables = {
  NODE_ENV: { does: '`production`: see [operations.md](operations.md#settings). Images do not set it' },
  METRICS_PORT: { does: 'where `GET /metrics` answers Prometheus: see [metrics](operations.md#metrics)' },
  LOG_LEVEL: {
    does: 'the least that is logged',
    default: 'info',
    values: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
  },
  FAST_PATHS: {
    does: '`off`: each request goes the long way: see [short ways](performance.md#short-ways)',
    default: 'on',
    values: ['on', 'off'],
  },
  TRUST_PROXY: {
    does: 'addresses and CIDR blocks of the proxies whose `X-Forwarded-For` is believed',
    otherwise: 'nobody; Compose: the edge',
  },
  HTTP_PROXY: { does: 'the way out: see [proxies](operations.md#proxies-on-the-way-out)' },
  HTTPS_PROXY: { does: 'the same, for https addresses' },
  NO_PROXY: { does: 'hosts, comma-separated, that are asked without a proxy' },
  DATA_DIR: {
    does: 'the folder of the SQLite files and of a generated secret. Redis and a secret need none',
    default: '.data',
    otherwise: '`.data`; in images `/data`',
  },
  REDIS_URL: {
    does: '`redis://USER:PASSWORD@HOST:PORT/DATABASE`, with TLS `rediss://…`',
    otherwise: 'one SQLite file a service',
    secret: true,
  },
  REDIS_SENTINELS: {
    does: '`HOST:PORT`, comma-separated: see [Redis that fails over](operations.md#redis-that-fails-over)',
  },
  REDIS_SENTINEL_MASTER: { does: 'the name of the master there', otherwise: '`mymaster`' },
  REDIS_SENTINEL_USERNAME: { does: 'the account at the Sentinels themselves' },
  REDIS_SENTINEL_PASSWORD: { does: 'its password', secret: true },
  REDIS_CLUSTER: { does: '`HOST:PORT`, comma-separated: some nodes of a Redis Cluster, better all of them' },
  GATEHOUSE_CONFIG: { does: 'the [file of the gateway](gateway-file.md). It is read again when it changes' },
  AUDIT_TO: {
    does: 'where the [audit](operations.md#audit) goes: `off`, `stdout`, a path, or the URL of a collector',
    otherwise: '`off`',
  },
  AUDIT_ARGUMENTS: {
    does: 'what it says of the arguments of calls',
    default: 'names',
    values: ['none', 'names', 'values'],
  },
  AUDIT_REDACT: {
    does: 'arguments, comma-separated, whose values it leaves out, besides those that look secret; `*` is any text',
  },
  AUDIT_CHAIN: {
    does: '`on`: each line has a digest of the one before it',
    default: 'off',
    values: ['on', 'off'],
  },
  AUDIT_AUTHORIZATION: {
    does: 'the `Authorization` header for the collector, also for `audit` of the file of the gateway',
    secret: true,
  },
} as const satisfies Variables
