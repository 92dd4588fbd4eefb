// The environment, read once into a plain object. The only file that names environment variables. Every fault is
// reported at once, so that an operator mends a configuration in one go.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { domainToASCII } from 'node:url'
import {
  type AuditSettings,
  createSettingsReader,
  logLevels,
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
import { isLoopbackHost, type ProtectedResource, parseJson, protectedResources } from '@gatehouse/shared'
import { z } from 'zod'
import { type AdmissionRules, hasRules } from './accounts/admission.ts'
import type { Group } from './accounts/groups.ts'
import { ConfigError } from './errors.ts'
import { settleGroups, unmetGroups } from './gateway-groups.ts'
import { type GatewayResources, readGatewayResources } from './gateway-resources.ts'
import { describeLogin, type LoginName, type LoginSettings, parseLogin } from './logins/index.ts'
import { letsEverybodyIn } from './logins/login.ts'
import { longestHold } from './store/rules.ts'

const DAY = 86_400
const DEFAULT_ISSUER = 'http://localhost:4000'
/** Seconds between two requests of a waiting device, where nothing else is set: RFC 8628 §3.2. */
const POLL_EVERY = 5

/** Lifetimes in seconds, each with its bounds and its default. `AUTH_LIFETIMES` overrides them by name. */
const lifetimesSchema = z.strictObject({
  /** A revoked one works until then, at a resource server that does not ask /introspect. */
  accessToken: seconds(1, 600, 600),
  authorizationCode: seconds(1, 60, 60),
  deviceCode: seconds(1, 600, 600),
  /** RFC 8628 `interval`: how long a device waits between two polls. By default five, less what a poll is held. */
  deviceInterval: z.number().int().min(1).max(60).optional(),
  /** How long a refresh token may lie unused. */
  refreshToken: seconds(1, 365 * DAY, 30 * DAY),
  /** The same, for a client that registered itself and was approved on another device. */
  unverifiedDevice: seconds(1, 365 * DAY, DAY),
  /** For how long a rotated refresh token, or a redeemed device code, still gets the answer it got. 0 turns it off. */
  reuseGrace: seconds(0, 120, 30),
  /** How long a person's consent lasts in all, however often it is refreshed. */
  grant: seconds(1, 730 * DAY, 90 * DAY),
  /** How long a browser stays signed in at the authorization server. Eight hours at most where cookies have no `Secure`. */
  session: seconds(1, 90 * DAY, 14 * DAY),
  /** How long a person may take over the sign-in and consent pages. */
  interaction: seconds(1, 3_600, 900),
  /** How long a signing key signs before the next one does. */
  signingKey: seconds(10, 365 * DAY, 90 * DAY),
  /** How long anybody may keep a copy of the published keys. A new key is published three times as long before it signs. */
  keySet: seconds(5, 3_600, 300),
})

export type Lifetimes = Readonly<z.infer<typeof lifetimesSchema>> & { readonly deviceInterval: number }

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

type Environment = Readonly<Record<string, string | undefined>>
/** Throws {@link ConfigError} with every fault. Reads the files that `NAME_FILE` variables and `AUTH_RESOURCES` name. */
export function readConfig(env: Environment): Config {
  const faults: string[] = []
  const read = createSettingsReader(env, faults)

  const issuer = readIssuer(read.text('AUTH_ISSUER', DEFAULT_ISSUER), faults)
  const loopback = isLoopbackHost(new URL(issuer).hostname)
  const production = env.NODE_ENV === 'production' || !loopback
  if (!loopback && !issuer.startsWith('https:'))
    faults.push('AUTH_ISSUER must be https unless it is a loopback address.')

  // as in a URL, where an IPv6 address stands in brackets
  const host = read.text('HOST', 'localhost').replace(/^\[(.*)\]$/, '$1')
  const secret = read.secret('AUTH_SECRET')
  const previousSecret = read.secret('AUTH_SECRET_PREVIOUS')
  if (production) checkProductionSecret(secret, faults)
  else if (secret !== undefined && secret.length < 32)
    faults.push('AUTH_SECRET is too short: give at least 32 characters, for example `openssl rand -base64 32`.')

  const developerLogin = readDeveloperLogin(env.AUTH_DEV_LOGIN, { loopback, production, host }, faults)
  const logins = readLogins(env, read, developerLogin, faults)
  const admission = readAdmission(read, faults)
  const dataDir = resolve(read.text('DATA_DIR', '.data'))
  const hold = read.seconds('AUTH_HOLD_SECONDS', { most: longestHold / 1000, fallback: 4.5 })
  const config: Config = {
    issuer,
    production,
    host,
    port: read.port('PORT', 4000),
    metricsPort: readMetricsPort(env.METRICS_PORT, faults),
    tracing: readTracingSettings(env, faults),
    logLevel: read.oneOf('LOG_LEVEL', logLevels, 'info'),
    trustProxy: read.networks('TRUST_PROXY'),
    proxies: readProxies(env, faults),
    secret,
    previousSecret,
    dataDir,
    ...readOfFile(env, { issuer, production, logins, allowed: admission.groups }, faults),
    clientsFile: env.AUTH_CLIENTS_FILE ? resolve(env.AUTH_CLIENTS_FILE) : undefined,
    store: readStoreChoice(read, dataDir, faults),
    clientDocuments: {
      mode: read.oneOf('AUTH_METADATA_DOCUMENTS', ['on', 'off'], 'on'),
      allowed: read.hosts('AUTH_METADATA_HOSTS'),
      denied: read.hosts('AUTH_METADATA_HOSTS_DENIED'),
      private: read.hosts('AUTH_METADATA_HOSTS_PRIVATE'),
    },
    clientPolicy: {
      redirectSchemes: readSchemes(read.list('AUTH_REDIRECT_SCHEMES'), faults),
      unverified: read.oneOf('AUTH_UNVERIFIED_POLICY', ['allow', 'browser', 'refuse'], 'allow'),
    },
    logins,
    admission,
    lifetimes: readLifetimes(env.AUTH_LIFETIMES, hold, faults),
    hold,
    reuseElsewhere: read.oneOf('AUTH_REUSE_ELSEWHERE', ['end', 'answer'], 'end'),
  }
  checkLogins(config, env.ALLOW_ANYONE === 'true', faults)
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
  const read = readOfFile(env, { ...running, allowed: running.admission.groups }, faults)
  if (faults.length > 0) throw new ConfigError(faults)
  return read
}

interface Surroundings extends Pick<Config, 'issuer' | 'production' | 'logins'> {
  /** Names of groups whose people may enter. */
  readonly allowed: readonly string[]
}

function readOfFile(env: Environment, { issuer, production, logins, allowed }: Surroundings, faults: string[]): OfFile {
  const before = faults.length
  const file = readGatewayResources(env.GATEHOUSE_CONFIG, issuer, faults)
  const groups = file?.groups ?? []
  const unmet = unmetGroups(groups, logins).map((fault) => `${env.GATEHOUSE_CONFIG}:${fault}`)
  if (production) faults.push(...unmet.map((fault) => `${fault}.`))
  // of a faulty file it cannot be known
  const unknown = faults.length > before ? [] : allowed.filter((name) => !groups.some((group) => group.name === name))
  if (unknown.length > 0)
    faults.push(`ALLOWED_GROUPS names ${unknown.join(', ')}, and GATEHOUSE_CONFIG has no such group.`)
  const folder = dirname(resolve(env.GATEHOUSE_CONFIG || '.'))
  return {
    resources: chooseResources(env, file, faults),
    groups: settleGroups(groups),
    unmetGroups: production ? [] : unmet,
    audit: readAuditSettings(env, { file: file?.audit, folder }, faults),
  }
}

function seconds(min: number, max: number, fallback: number) {
  return z.number().int().min(min).max(max).default(fallback)
}

/** Editors that take codes by a scheme of their own. AUTH_REDIRECT_SCHEMES adds to them. */
const EDITOR_SCHEMES = ['cursor:', 'vscode:', 'vscode-insiders:']
/** Whatever a browser or an operating system already knows means something else than an app that waits for a code. */
const NO_APP_SCHEMES = /^(https?|wss?|ftp|file|data|blob|about|javascript|vbscript|mailto|tel|sms)$/

function readSchemes(list: readonly string[], faults: string[]): ReadonlySet<string> {
  const schemes = list.map((entry) => entry.replace(/:(\/\/)?$/, ''))
  for (const scheme of schemes) {
    if (!/^[a-z][a-z0-9+.-]*$/.test(scheme) || NO_APP_SCHEMES.test(scheme))
      faults.push(`AUTH_REDIRECT_SCHEMES takes the schemes of apps, such as zed: "${scheme}" is none.`)
  }
  return new Set([...EDITOR_SCHEMES, ...schemes.map((scheme) => `${scheme}:`)])
}

/** `shown`: how the file is called in a fault. */
function readText(file: string, name: string, faults: string[], shown = file): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    faults.push(`${name}: ${shown} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
    return undefined
  }
}

function readIssuer(value: string, faults: string[]): string {
  const url = URL.parse(value)
  if (!url || !/^https?:$/.test(url.protocol)) {
    faults.push('AUTH_ISSUER must be a URL, such as https://auth.example.com.')
    return DEFAULT_ISSUER
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

function readLifetimes(value: string | undefined, hold: number, faults: string[]): Lifetimes {
  const lifetimes = readJson('AUTH_LIFETIMES', value || '{}', lifetimesSchema, faults) ?? lifetimesSchema.parse({})
  const deviceInterval = lifetimes.deviceInterval ?? Math.max(1, Math.ceil(POLL_EVERY - hold))
  return { ...lifetimes, deviceInterval }
}

function readJson<T extends z.ZodType>(
  name: string,
  json: string,
  schema: T,
  faults: string[],
): z.infer<T> | undefined {
  let value: unknown
  try {
    value = parseJson(json)
  } catch (error) {
    faults.push(`${name} is ${(error as SyntaxError).message}.`)
    return undefined
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  for (const { path, message } of result.error.issues)
    faults.push(`${name}${path.length > 0 ? ` at ${path.join('.')}` : ''}: ${message}.`)
  return undefined
}

/** A variable that a login has its setting from. */
interface LoginVariable {
  readonly name: string
  readonly read: (read: SettingsReader) => string | undefined
}
const text = (name: string): LoginVariable => ({ name, read: (read) => read.text(name, '') || undefined })
const secret = (name: string): LoginVariable => ({ name, read: (read) => read.secret(name) })

type Variables<Name extends LoginName> = {
  readonly [Setting in Exclude<keyof LoginSettings<Name>, 'login'>]?: LoginVariable
}
interface LoginSource<Name extends LoginName> {
  /** Any of these switches the login on. */
  readonly credentials: Variables<Name>
  readonly more: Variables<Name>
  /** What the login of these variables is beside what they say. */
  readonly fixed?: Partial<LoginSettings<Name>>
  /** Told if the client id or the client secret is missing. */
  readonly half: string
  /** What to set, for an operator without a login. */
  readonly hint: string
}

/** Where the environment has the settings of a login. Whether the developer login is on is readDeveloperLogin(). */
const loginSources: { readonly [Name in Exclude<LoginName, 'developer'>]: LoginSource<Name> } = {
  github: {
    credentials: { clientId: text('GITHUB_CLIENT_ID'), clientSecret: secret('GITHUB_CLIENT_SECRET') },
    more: { url: text('GITHUB_URL'), apiUrl: text('GITHUB_API_URL') },
    half: 'GITHUB_CLIENT_SECRET is set and GITHUB_CLIENT_ID is not: set both.',
    hint: 'GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET',
  },
  google: {
    credentials: { clientId: text('GOOGLE_CLIENT_ID'), clientSecret: secret('GOOGLE_CLIENT_SECRET') },
    more: { issuer: text('GOOGLE_ISSUER') },
    half: 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET go together: set both.',
    hint: 'GOOGLE_…',
  },
  openid: {
    credentials: {
      issuer: text('OIDC_ISSUER'),
      clientId: text('OIDC_CLIENT_ID'),
      clientSecret: secret('OIDC_CLIENT_SECRET'),
    },
    more: { label: text('OIDC_LABEL'), emails: text('OIDC_EMAILS') },
    fixed: { id: 'oidc' },
    half: 'OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together: set all three.',
    hint: 'OIDC_…',
  },
}
type SourcedLogin = keyof typeof loginSources

/** In the order of their buttons. */
function readLogins(
  env: Environment,
  read: SettingsReader,
  developerLogin: LoginSettings | undefined,
  faults: string[],
): readonly LoginSettings[] {
  const logins = [
    developerLogin,
    ...(Object.keys(loginSources) as SourcedLogin[]).map((login) =>
      readLogin(login, read, faults, loginSources[login].fixed),
    ),
    ...readOpenIdProviders(env.OIDC_PROVIDERS, faults),
  ].filter((login) => login !== undefined)
  const seen = new Set<string>()
  for (const { label, subjectPrefix } of logins.map(describeLogin)) {
    if (seen.has(subjectPrefix))
      faults.push(`OIDC_LABEL "${label}" is there twice: subjects (${subjectPrefix}…) would be those of two providers.`)
    seen.add(subjectPrefix)
  }
  return logins
}

/** Undefined if nothing switches it on. */
function readLogin(login: SourcedLogin, read: SettingsReader, faults: string[], fixed = {}): LoginSettings | undefined {
  const { credentials, more, half } = loginSources[login]
  const variables: Readonly<Record<string, LoginVariable>> = { ...credentials, ...more }
  const given = Object.fromEntries(
    Object.entries(variables).flatMap(([setting, variable]) => {
      const value = variable.read(read)
      return value === undefined ? [] : [[setting, value]]
    }),
  )
  if (!Object.keys(credentials).some((setting) => setting in given)) return undefined
  const result = parseLogin(login, { ...fixed, ...given })
  const told = result.faults.map(({ setting, message }) =>
    /^client(Id|Secret)$/.test(setting) ? half : `${variables[setting]?.name} ${message}.`,
  )
  faults.push(...new Set(told))
  return 'clientId' in given ? result.settings : undefined
}

/** JSON, or a file with it: entries with the variables' names, and values, of the one provider. */
function readOpenIdProviders(value: string | undefined, faults: string[]): readonly (LoginSettings | undefined)[] {
  const { credentials, more } = loginSources.openid
  const names = Object.values({ ...credentials, ...more }).map(({ name }) => name)
  const settings = new Set([...names, 'OIDC_CLIENT_SECRET_FILE'])
  return readEntries(value, faults).map((entry, index) => {
    const wrong: string[] = []
    const unknown = Object.keys(entry).filter((name) => !settings.has(name))
    if (unknown.length > 0) wrong.push(`${unknown.join(', ')}: there is no such setting.`)
    const before = wrong.length
    const provider = readLogin('openid', createSettingsReader(entry, wrong), wrong)
    if (!provider && wrong.length === before)
      wrong.push('OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are missing.')
    faults.push(...wrong.map((fault) => `OIDC_PROVIDERS at ${index}: ${fault}`))
    return provider
  })
}

/** JSON, or a file with it. */
function readEntries(value: string | undefined, faults: string[]): readonly Environment[] {
  if (!value) return []
  // what is no name of a file may hold secrets: it is never shown
  const isJson = /^\s*[[{"]/.test(value)
  const json = isJson ? value : readText(value, 'OIDC_PROVIDERS', faults, 'the file that it names')
  return (json && readJson('OIDC_PROVIDERS', json, z.array(z.record(z.string(), z.string())).max(20), faults)) || []
}

function readAdmission(read: SettingsReader, faults: string[]): AdmissionRules {
  const rules = {
    githubUsers: read.list('ALLOWED_GITHUB_USERS'),
    organisations: read.list('ALLOWED_GITHUB_ORGS'),
    emailDomains: read.list('ALLOWED_EMAIL_DOMAINS').map((domain) => domainToASCII(domain.replace(/^@/, ''))),
    groups: read.list('ALLOWED_GROUPS'),
  }
  for (const name of [...rules.githubUsers, ...rules.organisations]) {
    if (!/^[a-z0-9][a-z0-9-_]{0,99}$/.test(name))
      faults.push(`ALLOWED_GITHUB_USERS and ALLOWED_GITHUB_ORGS take GitHub names: "${name}" is none.`)
  }
  if (rules.emailDomains.some((domain) => !/^[^.*]+(\.[^.*]+)+$/.test(domain))) {
    faults.push('ALLOWED_EMAIL_DOMAINS takes domains such as example.com, without wildcards.')
  }
  return rules
}

/** In production somebody must be able to sign in, and not everybody by oversight. */
function checkLogins({ production, logins, admission }: Config, allowAnyone: boolean, faults: string[]): void {
  const described = logins.map(describeLogin)
  // GitHub without a secret, too: the relay of its device flow lets people in
  const judged = described.filter((login) => !letsEverybodyIn(login))
  const apply = (rule: keyof AdmissionRules) => judged.some(({ judgedBy }) => judgedBy.includes(rule))
  const hints = Object.values(loginSources).map(({ hint }) => hint)
  const all = `${hints.slice(0, -1).join(', ')} or ${hints.at(-1)}`
  if (admission.githubUsers.length + admission.organisations.length > 0 && !apply('githubUsers'))
    faults.push(
      `ALLOWED_GITHUB_USERS and ALLOWED_GITHUB_ORGS are set without a login that they could apply to: set ${loginSources.github.hint}.`,
    )
  if (admission.emailDomains.length > 0 && !apply('emailDomains'))
    faults.push(`ALLOWED_EMAIL_DOMAINS is set without a login that it could apply to: set ${all}.`)
  if (admission.groups.length > 0 && !apply('groups'))
    faults.push(`ALLOWED_GROUPS is set without a login that it could apply to: set ${all}.`)
  if (!production) return
  if (logins.length === 0) faults.push(`No login is configured, nobody could sign in: set ${all}.`)
  if (judged.length > 0 && !hasRules(admission) && !allowAnyone) {
    faults.push(
      `Everybody with an account at ${judged.map(({ label }) => label).join(' or ')} could sign in: set ALLOWED_GITHUB_USERS, ALLOWED_GITHUB_ORGS, ALLOWED_EMAIL_DOMAINS or ALLOWED_GROUPS, or ALLOW_ANYONE=true if that is meant.`,
    )
  }
}

function readDeveloperLogin(
  value: string | undefined,
  { loopback, production, host }: { loopback: boolean; production: boolean; host: string },
  faults: string[],
): LoginSettings<'developer'> | undefined {
  if (value !== undefined && !['', 'true', 'false'].includes(value))
    faults.push('AUTH_DEV_LOGIN must be true or false.')
  if (value === 'true') {
    if (!loopback)
      faults.push('AUTH_DEV_LOGIN lets everybody in and is for a loopback AUTH_ISSUER only: configure a real login.')
    return { login: 'developer', explicit: true }
  }
  const listensOnLoopback = isLoopbackHost(host) || host === '::1'
  const isOn = value !== 'false' && loopback && listensOnLoopback && !production
  return isOn ? { login: 'developer', explicit: false } : undefined
}
