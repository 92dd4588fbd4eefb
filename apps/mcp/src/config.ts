// The environment, read once into a plain object. Which variables there are is in variables.ts. Every fault
// is reported at once, so that an operator mends a configuration in one go.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { literalRoute } from '@gatehouse/guard/fastify'
import {
  type AuditSettings,
  createSettingsReader,
  type Proxies,
  readAuditSettings,
  readMetricsPort,
  readProxies,
  readStoreChoice,
  readTracingSettings,
  type SettingsReader,
  type StoreChoice,
  type TracingSettings,
} from '@gatehouse/service'
import { defaultScopes, type Environment, faultOfPath, isLoopbackHost } from '@gatehouse/shared'
import { BUILTIN } from '@gatehouse/shared/gateway-file'
import { ConfigError } from './errors.ts'
import type { GatewaySettings } from './gateway/settings.ts'
import { type AuthorizationSource, type GatewayInput, readGateway } from './gateway-config.ts'
import { mcpVariables } from './variables.ts'

/** A protected resource. */
export interface Endpoint {
  /** The resource identifier, byte for byte: the audience of its tokens and the address clients are given. */
  readonly resource: string
  /** What people are shown. */
  readonly title: string
  /** Names of what stands behind it; `builtin` is the demonstration. */
  readonly upstreams: readonly string[]
  /** Those that clients can ask for here. */
  readonly scopes: readonly string[]
}

export interface Config {
  /** The first resource, which stands for the process where one is enough. */
  readonly resource: string
  /** All of them: one at least. */
  readonly endpoints: readonly Endpoint[]
  /** How the server introduces itself: a name for programs, a title for people, which its metadata has, too. */
  readonly identity: Identity
  /** The issuer identifier, byte for byte as its metadata has it. */
  readonly issuer: string
  /** Only where the issuer's own address cannot be reached from here; else its metadata says where its keys are. */
  readonly jwksUrl: string | undefined
  /** Whether all resources are for this machine alone and we are not in production. */
  readonly development: boolean
  /** Origins whose pages may call, besides a resource's own. */
  readonly allowedOrigins: readonly string[]
  readonly host: string
  readonly port: number
  /** Where metrics are served; undefined: nowhere. */
  readonly metricsPort: number | undefined
  /** Undefined: there are no traces. */
  readonly tracing: TracingSettings | undefined
  readonly logLevel: string
  /** Addresses and CIDR blocks of the proxies whose forwarding headers are believed (for the client's address alone). */
  readonly trustProxy: readonly string[]
  /** What stands between us and the issuer. Secret: there may be passwords in it. */
  readonly proxies: Proxies | undefined
  /** Whether clients of the 2025 era get sessions, and so whether there is a store at all. */
  readonly sessions: boolean
  /** Whether requests may take the short ways of docs/performance.md. Their answers are the same. */
  readonly fastPaths: boolean
  /** Which it is, and nothing else. Secret: it has passwords in it. */
  readonly store: StoreChoice
  readonly dataDir: string
  /** What commands of the gateway inherit. */
  readonly inherited: { readonly PATH: string | undefined; readonly LANG: string | undefined }
  /** What is served instead of the demonstration. */
  readonly gateway: GatewaySettings | undefined
  /** What the gateway seals with; what the others sealed is still read. Undefined: none is set. See secrets.ts. */
  readonly secrets: readonly [string, ...string[]] | undefined
  /** Whether there is an upstream, which needs one. */
  readonly needsSecret: boolean
  /** Undefined: no audit is written. Secret: there may be a credential in it. */
  readonly audit: AuditSettings | undefined
  /** Paths of what may change while the process runs: of `gateway`, `endpoints`, `development` and `audit`. Empty: nothing may. */
  readonly files: readonly string[]
  /** What does not stop a start, and should be known. */
  readonly warnings: readonly string[]
  /** The variables that were left to a default that only suits development. */
  readonly developmentDefaults: readonly string[]
}

export interface Identity {
  readonly name: string
  readonly title: string
  readonly version: string
}

type Reader = SettingsReader<typeof mcpVariables>

/**
 * Throws {@link ConfigError} with every fault. An empty variable counts as one that is not set. `lock`: `ignored` by who
 * writes the lock of the gateway's file.
 */
export function readConfig(env: Environment, { lock = 'needed' }: Partial<Pick<GatewayInput, 'lock'>> = {}): Config {
  const faults: string[] = []
  const read = createSettingsReader(env, faults, mcpVariables)
  const issuer = read.text('MCP_ISSUER')
  const jwksUrl = read.given('MCP_JWKS_URL')
  const production = read.given('NODE_ENV') === 'production' || !isLoopback(issuer)
  const given = readIdentity(read, faults)
  const gateway = readGateway(
    {
      config: read.given('GATEHOUSE_CONFIG'),
      upstream: read.given('MCP_UPSTREAM'),
      authorization: authorizationSource(env, faults),
      variable: (name) => env[name],
      issuer,
      resource: read.text('MCP_RESOURCE_URL'),
      title: given.title,
      lock,
    },
    faults,
  )
  const inFile = gateway?.hasEndpoints ? gateway.settings?.endpoints : undefined
  const ofVariable = {
    resource: read.text('MCP_RESOURCE_URL'),
    name: given.title,
    upstreams: [BUILTIN],
    scopes: defaultScopes,
  }
  const endpoints = (gateway?.settings?.endpoints ?? [ofVariable]).map(({ name, ...each }) => ({
    ...each,
    title: read.given('MCP_TITLE') ?? name,
  }))
  const { resource, title } = endpoints[0] ?? { ...ofVariable, title: ofVariable.name }
  const development = !production && endpoints.every((each) => isLoopback(each.resource))
  // a faulty file does not say whether the resource is its own
  const ownsResource = gateway !== undefined && gateway.hasEndpoints !== false
  const developmentDefaults = [...(ownsResource ? [] : ['MCP_RESOURCE_URL']), 'MCP_ISSUER'].filter((name) => !env[name])

  const nameOf = (index: number) => (inFile ? `GATEHOUSE_CONFIG: endpoints[${index}].resource` : 'MCP_RESOURCE_URL')
  for (const [index, each] of endpoints.entries()) checkIdentifier(nameOf(index), each.resource, faults)
  checkIdentifier('MCP_ISSUER', issuer, faults)
  for (const [index, each] of endpoints.entries()) checkPath(nameOf(index), each.resource, faults)
  if (gateway?.hasEndpoints) checkResourceVariables(env, faults)
  // No check for https: it is there for internal addresses, and who sets it vouches for the way.
  if (jwksUrl !== undefined && !isHttpUrl(jwksUrl)) faults.push('MCP_JWKS_URL must be an http or https URL.')
  if (production) {
    for (const name of developmentDefaults) faults.push(`${name} must be set in production.`)
  }

  const secrets = readSecrets(read, faults)
  const needsSecret = gateway?.settings?.upstreams.some(({ transport }) => transport !== 'builtin') ?? false
  if (needsSecret && !secrets && production) faults.push(missingSecret)
  const dataDir = resolve(read.text('DATA_DIR'))
  const config: Config = {
    resource,
    endpoints,
    identity: { ...given, title },
    issuer,
    jwksUrl,
    development,
    allowedOrigins: readOrigins(read.text('MCP_ALLOWED_ORIGINS'), faults),
    // Nobody else's business on a developer's machine; in a container the port is published from all addresses.
    // an IPv6 address may stand in brackets, as in a URL
    host: read.given('HOST')?.replace(/^\[(.*)\]$/, '$1') || (development ? 'localhost' : '0.0.0.0'),
    port: read.port('PORT'),
    metricsPort: readMetricsPort(read.given('METRICS_PORT'), faults),
    tracing: readTracingSettings(env, faults),
    logLevel: read.oneOf('LOG_LEVEL'),
    trustProxy: read.networks('TRUST_PROXY'),
    proxies: readProxies(env, faults),
    sessions: read.oneOf('MCP_SESSIONS') === 'on',
    fastPaths: read.oneOf('FAST_PATHS') === 'on',
    store: readStoreChoice(read, dataDir, faults),
    dataDir,
    inherited: { PATH: env.PATH, LANG: env.LANG },
    gateway: gateway?.settings,
    secrets,
    needsSecret,
    audit: readAuditSettings(
      env,
      { file: gateway?.audit, folder: dirname(resolve(read.given('GATEHOUSE_CONFIG') ?? '.')) },
      faults,
    ),
    files: gateway?.files ?? [],
    warnings: gateway?.warnings ?? [],
    developmentDefaults,
  }
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

const makeSecret = 'make one with `openssl rand -base64 32`'
export const missingSecret = `MCP_SECRET (or MCP_SECRET_FILE) is missing, which an upstream needs: ${makeSecret}.`

function readSecrets(read: Reader, faults: string[]): Config['secrets'] {
  const [current, previous] = (['MCP_SECRET', 'MCP_SECRET_PREVIOUS'] as const).map((name) => {
    const secret = read.secret(name)
    if (secret !== undefined && secret.length < 32)
      faults.push(`${name} is too short: give at least 32 characters; ${makeSecret}.`)
    return secret
  })
  return current ? [current, ...(previous ? [previous] : [])] : undefined
}

function authorizationSource(env: Environment, faults: string[]): AuthorizationSource | undefined {
  const name = 'MCP_UPSTREAM_AUTHORIZATION'
  const path = env[`${name}_FILE`]
  if (path && env[name]) faults.push(`${name} and ${name}_FILE are both set: set one.`)
  if (path) return { kind: 'file', path }
  return env[name] ? { kind: 'env', name } : undefined
}

/** There is one place that says what is served. */
function checkResourceVariables(env: Environment, faults: string[]): void {
  for (const name of ['MCP_RESOURCE_URL', 'AUTH_RESOURCES']) {
    if (env[name]) faults.push(`${name} is set, and GATEHOUSE_CONFIG has endpoints: take one away.`)
  }
}

function isLoopback(value: string): boolean {
  return isLoopbackHost(URL.parse(value)?.hostname ?? '')
}

function isHttpUrl(value: string): boolean {
  return /^https?:$/.test(URL.parse(value)?.protocol ?? '')
}

/** Tokens and metadata name these byte for byte, so there is one spelling, the one that clients arrive at themselves. */
function checkIdentifier(name: string, value: string, faults: string[]): void {
  const url = URL.parse(value)
  if (!url || !isHttpUrl(value)) faults.push(`${name} must be an http or https URL.`)
  else if (url.username || url.password || /[?#]/.test(value)) {
    faults.push(`${name} must have no user name, query or fragment.`)
  } else if (url.href !== value && url.href !== `${value}/`) {
    faults.push(`${name} must be in its normal form: did you mean ${normalForm(url, value)}?`)
  } else if (url.protocol === 'http:' && !isLoopback(value)) {
    faults.push(`${name} must be https unless it is a loopback address.`)
  }
}

/** A slash where there is no path tells two issuers apart: it is the operator's. */
function normalForm({ pathname, origin, href }: URL, value: string): string {
  return pathname === '/' && !value.endsWith('/') ? origin : href
}

function readIdentity(read: Reader, faults: string[]): Identity {
  const line = (name: 'MCP_NAME' | 'MCP_TITLE'): string => {
    const value = read.text(name)
    if (/^\P{C}{1,200}$/u.test(value)) return value
    faults.push(`${name} must be one line of at most 200 characters.`)
    return mcpVariables[name].default
  }
  return { name: line('MCP_NAME'), title: line('MCP_TITLE'), version: ourVersion() }
}

/** That of this package. */
function ourVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return (manifest as { readonly version: string }).version
}

/** Paths that are something else here, or cannot be served as they stand. */
function checkPath(name: string, value: string, faults: string[]): void {
  const pathname = URL.parse(value)?.pathname ?? '/'
  const fault = faultOfPath(pathname)
  if (fault) faults.push(`${name} ${fault}.`)
  try {
    literalRoute(pathname)
  } catch (error) {
    faults.push(`${name} ${(error as Error).message}: choose another path.`)
  }
}

/** Of apps whose pages are their own: `app://obsidian.md`, `tauri://localhost`. Files have none but `null`, which all have. */
const appOrigin = /^(?!https?:|wss?:|file:|data:|blob:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+(:\d+)?$/

function readOrigins(value: string, faults: string[]): readonly string[] {
  const origins = value
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
  for (const origin of origins) {
    const isOrigin = isHttpUrl(origin) ? URL.parse(origin)?.origin === origin : appOrigin.test(origin)
    if (!isOrigin) faults.push(`MCP_ALLOWED_ORIGINS: "${origin}" is no origin, such as https://app.example.com.`)
  }
  return origins
}
