// The environment, read once into a plain object. Which variables there are is in variables.ts. Every fault
// is reported at once, so that an operator mends a configuration in one go.
import { dirname, resolve } from 'node:path'
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
import { type Environment, isLoopbackHost, type ProtectedResource, protectedResources } from '@gatehouse/shared'
import type { AdmissionRules } from './accounts/admission.ts'
import type { Group } from './accounts/groups.ts'
import { ConfigError } from './errors.ts'
import { settleGroups, unmetGroups } from './gateway-groups.ts'
import { type GatewayResources, readGatewayResources } from './gateway-resources.ts'
import { readJson, readText } from './json-settings.ts'
import { type Lifetimes, readLifetimes } from './lifetimes.ts'
import { checkLogins, readAdmission, readDeveloperLogin, readLogins } from './login-settings.ts'
import type { LoginSettings } from './logins/index.ts'
import { authVariables } from './variables.ts'

export type { Lifetimes } from './lifetimes.ts'

export interface Config {
  /** The issuer identifier, byte for byte as it is published: no path, no trailing slash. */
  readonly issuer: string
  readonly production: boolean
  readonly host: string
  readonly port: number
  /** Where metrics are served; absent, nowhere. */
  readonly metricsPort: number | undefined
  /** Undefined: there are no traces. */
  readonly tracing: TracingSettings | undefined
  readonly logLevel: string
  /** CIDR blocks of the proxies whose forwarding headers are believed. */
  readonly trustProxy: readonly string[]
  /** What stands between us and the servers that we ask. Secret: there may be passwords in it. */
  readonly proxies: Proxies | undefined
  /** Absent outside production: one is then generated into the data directory. */
  readonly secret: string | undefined
  /** Still accepted for reading; never written with. */
  readonly previousSecret: string | undefined
  readonly dataDir: string
  readonly resources: readonly ProtectedResource[]
  /** Of the gateway's file. */
  readonly groups: readonly Group[]
  /** Outside production: ways into groups that no login leads to. */
  readonly unmetGroups: readonly string[]
  /** Undefined: no audit is written. Secret: there may be a credential in it. */
  readonly audit: AuditSettings | undefined
  readonly clientsFile: string | undefined
  /** Which it is, and nothing else. Secret: it has passwords in it. */
  readonly store: StoreChoice
  /** Client id metadata documents: whether they are read, whose, and whose may come from private addresses. Host names. */
  readonly clientDocuments: {
    readonly mode: 'on' | 'off'
    readonly allowed: readonly string[]
    readonly denied: readonly string[]
    readonly private: readonly string[]
  }
  /** What clients may be and do that no operator registered. */
  readonly clientPolicy: ClientPolicy
  /** Those that are switched on, in the order of their buttons. Of OpenID providers there may be any number. */
  readonly logins: readonly LoginSettings[]
  readonly admission: AdmissionRules
  readonly lifetimes: Lifetimes
  /** Seconds for which the poll of a waiting device is held; 0: it is answered at once. */
  readonly hold: number
  /** Whether requests may take the short ways of docs/performance.md. Their answers are the same. */
  readonly fastPaths: boolean
  /** What a redeemed token gets within its grace that comes from another network and by another program than at first. */
  readonly reuseElsewhere: 'end' | 'answer'
}

/** What may change while the process runs. */
export type OfFile = Pick<Config, 'resources' | 'groups' | 'unmetGroups' | 'audit'>

export interface ClientPolicy {
  /** Private URI schemes that codes may be sent to, besides those that are a reversed domain name. With their colon. */
  readonly redirectSchemes: ReadonlySet<string>
  /**
   * Clients that registered themselves or are a document: `allow`ed, signing people in by `browser` alone (no device
   * flow), or `refuse`d.
   */
  readonly unverified: 'allow' | 'browser' | 'refuse'
}

type Reader = SettingsReader<typeof authVariables>

/** Throws {@link ConfigError} with every fault. Reads the files that `NAME_FILE` variables and `AUTH_RESOURCES` name. */
export function readConfig(env: Environment): Config {
  const faults: string[] = []
  const read = createSettingsReader(env, faults, authVariables)

  const issuer = readIssuer(read.text('AUTH_ISSUER'), faults)
  const loopback = isLoopbackHost(new URL(issuer).hostname)
  const production = read.given('NODE_ENV') === 'production' || !loopback
  if (!loopback && !issuer.startsWith('https:'))
    faults.push('AUTH_ISSUER must be https unless it is a loopback address.')

  // as in a URL, where an IPv6 address stands in brackets
  const host = read.text('HOST').replace(/^\[(.*)\]$/, '$1')
  const secret = read.secret('AUTH_SECRET')
  const previousSecret = read.secret('AUTH_SECRET_PREVIOUS')
  if (production) checkProductionSecret(secret, faults)
  else if (secret !== undefined && secret.length < 32)
    faults.push('AUTH_SECRET is too short: give at least 32 characters, for example `openssl rand -base64 32`.')

  const developerLogin = readDeveloperLogin(read, { loopback, production, host }, faults)
  const logins = readLogins(read, developerLogin, faults)
  const admission = readAdmission(read, faults)
  const dataDir = resolve(read.text('DATA_DIR'))
  const clientsFile = read.given('AUTH_CLIENTS_FILE')
  const hold = read.seconds('AUTH_HOLD_SECONDS')
  const config: Config = {
    issuer,
    production,
    host,
    port: read.port('PORT'),
    metricsPort: readMetricsPort(read.given('METRICS_PORT'), faults),
    tracing: readTracingSettings(env, faults),
    logLevel: read.oneOf('LOG_LEVEL'),
    trustProxy: read.networks('TRUST_PROXY'),
    proxies: readProxies(env, faults),
    secret,
    previousSecret,
    dataDir,
    ...readOfFile(env, read, { issuer, production, logins, allowed: admission.groups }, faults),
    clientsFile: clientsFile && resolve(clientsFile),
    store: readStoreChoice(read, dataDir, faults),
    clientDocuments: {
      mode: read.oneOf('AUTH_METADATA_DOCUMENTS'),
      allowed: read.hosts('AUTH_METADATA_HOSTS'),
      denied: read.hosts('AUTH_METADATA_HOSTS_DENIED'),
      private: read.hosts('AUTH_METADATA_HOSTS_PRIVATE'),
    },
    clientPolicy: {
      redirectSchemes: readSchemes(read.list('AUTH_REDIRECT_SCHEMES'), faults),
      unverified: read.oneOf('AUTH_UNVERIFIED_POLICY'),
    },
    logins,
    admission,
    lifetimes: readLifetimes(read.text('AUTH_LIFETIMES'), hold, faults),
    hold,
    fastPaths: read.oneOf('FAST_PATHS') === 'on',
    reuseElsewhere: read.oneOf('AUTH_REUSE_ELSEWHERE'),
  }
  checkLogins(read, config, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

/**
 * What a running process reads again when the file of the gateway changes: as {@link readConfig}, those parts alone.
 * Throws {@link ConfigError} with every fault of them.
 */
export function readFileAgain(
  env: Environment,
  running: Pick<Config, 'issuer' | 'production' | 'logins' | 'admission'>,
): OfFile {
  const faults: string[] = []
  const read = createSettingsReader(env, faults, authVariables)
  const ofFile = readOfFile(env, read, { ...running, allowed: running.admission.groups }, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return ofFile
}

interface Surroundings extends Pick<Config, 'issuer' | 'production' | 'logins'> {
  /** Names of groups whose people may enter. */
  readonly allowed: readonly string[]
}

function readOfFile(
  env: Environment,
  read: Reader,
  { issuer, production, logins, allowed }: Surroundings,
  faults: string[],
): OfFile {
  const before = faults.length
  const path = read.given('GATEHOUSE_CONFIG')
  const file = readGatewayResources(path, issuer, faults)
  const groups = file?.groups ?? []
  const unmet = unmetGroups(groups, logins).map((fault) => `${path}:${fault}`)
  if (production) faults.push(...unmet.map((fault) => `${fault}.`))
  // of a faulty file it cannot be known
  const unknown = faults.length > before ? [] : allowed.filter((name) => !groups.some((group) => group.name === name))
  if (unknown.length > 0)
    faults.push(`ALLOWED_GROUPS names ${unknown.join(', ')}, and GATEHOUSE_CONFIG has no such group.`)
  const folder = dirname(resolve(path ?? '.'))
  return {
    resources: chooseResources(env, file, faults),
    groups: settleGroups(groups),
    unmetGroups: production ? [] : unmet,
    audit: readAuditSettings(env, { file: file?.audit, folder }, faults),
  }
}

/** Editors and apps that take codes by a scheme of their own. AUTH_REDIRECT_SCHEMES adds to them. */
const editorSchemes = ['claude:', 'cursor:', 'vscode:', 'vscode-insiders:', 'warp:']
/** Whatever a browser or an operating system already knows means something else than an app that waits for a code. */
const noAppSchemes = /^(https?|wss?|ftp|file|data|blob|about|javascript|vbscript|mailto|tel|sms)$/

function readSchemes(list: readonly string[], faults: string[]): ReadonlySet<string> {
  const schemes = list.map((entry) => entry.replace(/:(\/\/)?$/, ''))
  for (const scheme of schemes) {
    if (!/^[a-z][a-z0-9+.-]*$/.test(scheme) || noAppSchemes.test(scheme))
      faults.push(`AUTH_REDIRECT_SCHEMES takes the schemes of apps, such as zed: "${scheme}" is not one.`)
  }
  return new Set([...editorSchemes, ...schemes.map((scheme) => `${scheme}:`)])
}

function readIssuer(value: string, faults: string[]): string {
  const url = URL.parse(value)
  if (!url || !/^https?:$/.test(url.protocol)) {
    faults.push('AUTH_ISSUER must be a URL, such as https://auth.example.com.')
    return authVariables.AUTH_ISSUER.default
  }
  if (url.origin !== value)
    faults.push(`AUTH_ISSUER must be an origin alone, without a path or a trailing slash: did you mean ${url.origin}?`)
  return url.origin
}

function checkProductionSecret(secret: string | undefined, faults: string[]): void {
  const make = 'make one with `openssl rand -base64 32`'
  if (secret === undefined) faults.push(`AUTH_SECRET (or AUTH_SECRET_FILE) is missing: ${make}.`)
  else if (secret.length < 32) faults.push(`AUTH_SECRET is too short: give at least 32 characters; ${make}.`)
  else if (/change.?me|example|sample|secret|password/i.test(secret) || new Set(secret).size < 8)
    faults.push(`AUTH_SECRET looks like a sample: ${make}.`)
}

/** The endpoints of the gateway's file, or else AUTH_RESOURCES. */
function chooseResources(
  env: Environment,
  gateway: GatewayResources | undefined,
  faults: string[],
): readonly ProtectedResource[] {
  if (gateway?.resources) {
    for (const name of ['AUTH_RESOURCES', 'MCP_RESOURCE_URL']) {
      if (env[name]) faults.push(`${name} is set, and GATEHOUSE_CONFIG has endpoints: take one away.`)
    }
    return gateway.resources
  }
  const resources = readResources(env.AUTH_RESOURCES, faults)
  const [only, ...others] = resources
  // of several, it cannot be known which of them the file serves
  if (!gateway || !only || others.length > 0) return resources
  const { scopes, ...behind } = gateway.behind
  return [{ ...only, ...behind, scopes: [...new Set([...only.scopes, ...scopes])] }]
}

function readResources(value: string | undefined, faults: string[]): readonly ProtectedResource[] {
  const fallback = protectedResources.parse([{ resource: 'http://localhost:3000/mcp', name: 'Gatehouse MCP server' }])
  if (!value) return fallback
  const json = value.trimStart().startsWith('[') ? value : readText(value, 'AUTH_RESOURCES', faults)
  if (json === undefined) return fallback
  const resources = readJson('AUTH_RESOURCES', json, protectedResources, faults) ?? fallback
  const seen = new Set<string>()
  for (const { resource } of resources) {
    const { href, origin, pathname } = new URL(resource)
    // A slash at the end tells nothing apart: see provider/resources.ts.
    const known = href.replace(/\/$/, '')
    if (seen.has(known)) faults.push(`AUTH_RESOURCES names ${resource} twice.`)
    seen.add(known)
    if (href === resource || href === `${resource}/`) continue
    // The MCP server takes its MCP_RESOURCE_URL in this form alone, and tokens are for it byte for byte.
    const normal = pathname === '/' && !resource.endsWith('/') ? origin : href
    faults.push(`AUTH_RESOURCES: ${resource} must be in its normal form: did you mean ${normal}?`)
  }
  return resources
}
