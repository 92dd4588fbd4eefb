// What the gateway stands in front of, from the file that both services read or from one address. config.ts names the
// variables.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { AuditInFile } from '@gatehouse/service'
import { defaultScopes } from '@gatehouse/shared'
import {
  BUILTIN,
  type Fault,
  type GatewayFile,
  type RemoteInFile,
  type RuleInFile,
  readGatewayFile,
  scopesOf,
  type TextSource,
  type UpstreamInFile,
} from '@gatehouse/shared/gateway-file'
import { lockOf } from './gateway/pins/lock.ts'
import { annotationTests } from './gateway/rules/annotations.ts'
import { compileCondition } from './gateway/rules/cel.ts'
import type {
  BuiltinUpstream,
  ClientCredentials,
  GatewaySettings,
  PinSettings,
  ReadSecret,
  Rule,
  UpstreamSettings,
} from './gateway/settings.ts'
import { readPins } from './gateway-lock.ts'
import { type SecretPlaces, type SecretUse, secretFile, secretReader } from './gateway-secrets.ts'

type Common = Omit<BuiltinUpstream, 'transport' | 'name'>

const noPins: PinSettings = { mode: 'off', lock: lockOf([]) }

export interface GatewayInput {
  /** The path of the file. */
  readonly config: string | undefined
  /** An address instead of a file; `authorization`: where its Authorization header is. */
  readonly upstream: string | undefined
  readonly authorization: AuthorizationSource | undefined
  readonly variable: (name: string) => string | undefined
  readonly issuer: string
  /** What is served where the file has no endpoints. */
  readonly resource: string
  readonly title: string
  /** `ignored` by who writes it. */
  readonly lock: 'needed' | 'ignored'
}

export type AuthorizationSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }

export interface GatewayConfig {
  /** Undefined where there are faults. */
  readonly settings: GatewaySettings | undefined
  /** Whether the resource is the file's: unknown where it is faulty. */
  readonly hasEndpoints: boolean | undefined
  readonly warnings: readonly string[]
  /** Paths of the file and of the secrets that it names: a change of one of them is a change of the configuration. */
  readonly files: readonly string[]
  /** What the file says of the audit. */
  readonly audit: AuditInFile | undefined
}

/** Undefined where neither a file nor an address is named. */
export function readGateway(input: GatewayInput, faults: string[]): GatewayConfig | undefined {
  const { config, upstream, authorization } = input
  if (config && upstream) faults.push('GATEHOUSE_CONFIG and MCP_UPSTREAM are both set: set one.')
  if (authorization && !upstream)
    faults.push(
      'MCP_UPSTREAM_AUTHORIZATION is set and MCP_UPSTREAM is not: set both, or name a credential in the file.',
    )
  if (config) return readFile(config, input, faults)
  return upstream ? readAddress(upstream, input, faults) : undefined
}

function readFile(path: string, input: GatewayInput, faults: string[]): GatewayConfig {
  const unknown = { settings: undefined, hasEndpoints: undefined, warnings: [], files: [], audit: undefined }
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    faults.push(`GATEHOUSE_CONFIG: ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
    return unknown
  }
  const place = ({ line, column, message }: Fault) => `${path}:${line}:${column} ${message}.`
  const { file, faults: found, warnings } = readGatewayFile(text, input)
  if (!file) {
    faults.push(...found.map(place))
    return unknown
  }
  const before = faults.length
  const places = { variable: input.variable, folder: dirname(resolve(path)) }
  const files = new Set([resolve(path)])
  const pins = readPins(file.pins, path, input.lock)
  const rules = compile(file.rules, pins.settings, (fault) => faults.push(place(fault)))
  if ('fault' in pins) faults.push(`${path} pins: ${pins.fault}.`)
  if ('file' in pins) files.add(pins.file)
  const settings = settle(file, input, { rules, pins: pins.settings }, (source, use) => {
    const secret = secretFile(source, places)
    if (secret) files.add(secret)
    const read = secretReader(source, use, places)
    const fault = faultOf(read)
    if (fault) faults.push(place({ ...source, message: `${source.at}: ${fault}` }))
    return read
  })
  return {
    settings: faults.length === before ? settings : undefined,
    hasEndpoints: file.endpoints !== undefined,
    warnings: warnings.map(place),
    files: [...files],
    audit: file.audit,
  }
}

/**
 * A file for who asks what its rules say: no secret of it is read, which may be missing here. Undefined where there are
 * faults. `resource`: what it serves where it has no endpoints.
 */
export function readRules(path: string, resource: string, faults: string[]): GatewaySettings | undefined {
  const { file, faults: found = [] } = readGatewayFile(readFileSync(path, 'utf8'), { resource })
  const place = ({ line, column, message }: Fault) => `${path}:${line}:${column} ${message}.`
  faults.push(...found.map(place))
  // the lock says something of rules by annotations alone
  const isLockNeeded = file?.rules.some(({ annotations }) => annotations) === true
  const pins = isLockNeeded ? readPins(file.pins, path, 'needed') : { settings: noPins }
  if ('fault' in pins) faults.push(`${path} pins: ${pins.fault}.`)
  const rules = compile(file?.rules ?? [], pins.settings, (fault) => faults.push(place(fault)))
  return file && faults.length === 0
    ? settle(file, { resource, title: '' }, { rules, pins: noPins }, () => () => '')
    : undefined
}

/** As a file with this one upstream. */
function readAddress(url: string, input: GatewayInput, faults: string[]): GatewayConfig {
  const name = 'upstream'
  const { file, faults: found } = readGatewayFile(JSON.stringify({ version: 1, upstreams: { [name]: { url } } }), input)
  faults.push(...(found ?? []).map(({ message }) => `MCP_UPSTREAM ${message.replace(/^[^:]*: /, '')}.`))
  const nowhere = { line: 1, column: 1, at: 'MCP_UPSTREAM_AUTHORIZATION' }
  const source = input.authorization && { ...input.authorization, ...nowhere }
  const places: SecretPlaces = { variable: input.variable, folder: '.' }
  const authorization = source && secretReader(source, 'header', places)
  const fault = authorization && faultOf(authorization)
  if (fault) faults.push(`${source?.kind === 'file' ? 'MCP_UPSTREAM_AUTHORIZATION_FILE: ' : ''}${fault}.`)
  const plain = { rules: [], pins: noPins }
  const settings = file && settle(file, input, plain, (each, use) => secretReader(each, use, places))
  const upstreams = settings?.upstreams.map((each) =>
    'headers' in each && authorization ? { ...each, headers: { authorization }, credential: 'header' as const } : each,
  )
  const known = settings && upstreams && { ...settings, upstreams }
  return { settings: known, hasEndpoints: false, warnings: [], files: [], audit: undefined }
}

/** The conditions are read here and nowhere else. */
function compile(rules: readonly RuleInFile[], { lock }: PinSettings, report: (fault: Fault) => void): readonly Rule[] {
  const testFor = annotationTests(lock)
  return rules.map(({ at, when, annotations, ...others }) => {
    const rule = { ...others, name: at, annotations: annotations && testFor(annotations) }
    try {
      return { ...rule, condition: when && compileCondition(when.text) }
    } catch (error) {
      report({ line: 1, column: 1, ...when, message: `${at}.when: ${(error as Error).message}` })
      return { ...rule, condition: undefined }
    }
  })
}

function faultOf(read: ReadSecret): string | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

type Reader = (source: TextSource, use: SecretUse) => ReadSecret

function settle(
  file: GatewayFile,
  { resource, title }: Pick<GatewayInput, 'resource' | 'title'>,
  { rules, pins }: { readonly rules: readonly Rule[]; readonly pins: PinSettings },
  reader: Reader,
): GatewaySettings {
  const all = file.upstreams.map(({ name }) => name)
  const endpoints = (file.endpoints ?? [{ resource, name: title, upstreams: all }]).map((endpoint) => ({
    ...endpoint,
    scopes: [...defaultScopes, ...scopesOf(rules, endpoint.upstreams)],
  }))
  const openByDefault = file.upstreams.flatMap((upstream) => (upstream.default === 'allow' ? [upstream.name] : []))
  const served = new Set(endpoints.flatMap(({ upstreams }) => upstreams))
  // one upstream keeps its names
  const prefix = served.size > 1 ? 'always' : 'never'
  const named = file.upstreams
    .filter(({ name }) => served.has(name))
    .map((each) => settleUpstream(each, prefix, reader))
  const builtin: UpstreamSettings = { ...ofBuiltin(prefix), name: BUILTIN, transport: 'builtin' }
  const upstreams = served.has(BUILTIN) ? [...named, builtin] : named
  return { endpoints, upstreams, rules: { rules, openByDefault }, limits: file.limits, parked: file.parked, pins }
}

function settleUpstream(
  { default: _, ...upstream }: UpstreamInFile,
  prefix: 'always' | 'never',
  reader: Reader,
): UpstreamSettings {
  const { prefix: inFile } = upstream.tools
  const tools = { ...upstream.tools, prefix: inFile ?? prefix, isPrefixFixed: inFile !== undefined }
  if (upstream.transport === 'stdio') return { ...upstream, tools, env: readers(upstream.env, 'variable', reader) }
  const { headers, tls, clientCredentials, url } = upstream
  return {
    ...upstream,
    tools,
    headers: readers(headers, 'header', reader),
    clientCredentials: clientCredentials && settleGrant(clientCredentials, url, reader),
    tls: tls && readers(tls, 'pem', reader),
  }
}

function settleGrant(
  { clientSecret, privateKey, resource, ...client }: NonNullable<RemoteInFile['clientCredentials']>,
  url: string,
  reader: Reader,
): ClientCredentials {
  return {
    ...client,
    resource: resource ?? withoutQuery(url),
    ...(clientSecret && { clientSecret: reader(clientSecret, 'variable') }),
    ...(privateKey && { privateKey: reader(privateKey, 'private-key') }),
  }
}

/** There may be a secret in it. */
function withoutQuery(url: string): string {
  return url.replace(/\?.*$/, '')
}

function readers(sources: Readonly<Record<string, TextSource>>, use: SecretUse, reader: Reader) {
  return Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, reader(source, use)]))
}

/** The file says nothing of it, and it asks nobody anything that it may not. */
function ofBuiltin(prefix: 'always' | 'never'): Common {
  const minute = 60_000
  return {
    isolation: 'caller',
    tools: { only: undefined, not: [], rename: {}, prefix },
    questions: { form: true, url: true, roots: true, sampling: false },
    concurrency: 50,
    timeouts: { connect: 5_000, list: 10_000, call: 10 * minute, idle: 2 * minute },
  }
}
