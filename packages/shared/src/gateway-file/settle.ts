// From the definition to what the services use.
import type { ClientCredentialsDefinition, Definition, RemoteDefinition, StdioDefinition } from './definition.ts'
import type { ParsedText } from './document.ts'
import { show } from './faults.ts'
import type {
  ClientCredentialsInFile,
  GatewayFile,
  GroupInFile,
  LimitsInFile,
  RuleInFile,
  Selector,
  TextSource,
  UpstreamInFile,
} from './gateway-file.ts'
import { membershipIn } from './groups.ts'

type Path = readonly PropertyKey[]
type Source = (value: string | { env: string } | { file: string }, ...path: Path) => TextSource

export function settle(definition: Definition, parsed: ParsedText): GatewayFile {
  const upstreams = Object.entries(definition.upstreams).map(([name, each]) => {
    const source: Source = (value, ...path) => textSource(value, ['upstreams', name, ...path], parsed)
    return 'url' in each ? remote(name, each, source) : stdio(name, each, source)
  })
  const names = upstreams.map(({ name }) => name)
  return {
    endpoints: definition.endpoints?.map((endpoint) => ({ ...endpoint, upstreams: endpoint.upstreams ?? names })),
    upstreams,
    scopes: definition.scopes,
    rules: definition.rules.map((each, index) => rule(each, ['rules', index], parsed)),
    groups: Object.entries(definition.groups).map(([name, ways]) => group(name, ways, parsed)),
    limits: limits(definition.limits),
    parked: definition.limits.parked,
    pins: definition.pins,
    audit: definition.audit,
  }
}

function rule(
  { tools, prompts, resources, annotations, when, groups, scopes, allow }: Definition['rules'][number],
  path: Path,
  parsed: ParsedText,
): RuleInFile {
  return {
    at: show(path),
    tools: (tools ?? []).map(selectorIn),
    prompts: (prompts ?? []).map(selectorIn),
    resources: (resources ?? []).map(selectorIn),
    annotations,
    when: when === undefined ? undefined : { text: when, ...parsed.placeOf([...path, 'when']) },
    groups,
    scopes: [...new Set(scopes)],
    allow,
  }
}

/** `upstream/glob`. The glob may have any number of slashes. */
export function selectorIn(text: string): Selector {
  const slash = text.indexOf('/')
  return { upstream: text.slice(0, slash), glob: text.slice(slash + 1) }
}

function limits({ caller, client, tool }: Definition['limits']): LimitsInFile {
  const tools = Object.entries(tool).map(([text, rate]) => ({ ...selectorIn(text), rate }))
  return { caller, client, tools }
}

function group(name: string, ways: readonly string[], parsed: ParsedText): GroupInFile {
  const members = ways.map((way, index) => {
    const path = ['groups', name, index]
    return { ...membershipIn(way), ...parsed.placeOf(path), at: show(path) }
  })
  return { name, members }
}

function textSource(value: Parameters<Source>[0], path: Path, parsed: ParsedText): TextSource {
  const where = { ...parsed.placeOf(path), at: show(path) }
  if (typeof value === 'string') return { kind: 'plain', text: value, ...where }
  return 'env' in value ? { kind: 'env', name: value.env, ...where } : { kind: 'file', path: value.file, ...where }
}

function remote(name: string, { credential, tls, tools, ...rest }: RemoteDefinition, source: Source): UpstreamInFile {
  const headers =
    credential.kind === 'header' ? { [credential.header]: source(credential.value, 'credential', 'value') } : {}
  const parts = (['ca', 'cert', 'key'] as const).flatMap((part) => {
    const value = tls?.[part]
    return value ? [[part, source(value, 'tls', part)] as const] : []
  })
  return {
    name,
    ...(credential.kind !== 'none' && { credential: credential.kind }),
    ...rest,
    tools: { ...tools, only: tools.only, prefix: tools.prefix },
    headers,
    ...(credential.kind === 'client-credentials' && { clientCredentials: clientCredentials(credential, source) }),
    tls: tls && Object.fromEntries(parts),
  }
}

function clientCredentials(
  { issuer, clientId, clientSecret, privateKey, scope, resource }: ClientCredentialsDefinition,
  source: Source,
): ClientCredentialsInFile {
  return {
    issuer,
    clientId,
    scope,
    resource,
    ...(clientSecret && { clientSecret: source(clientSecret, 'credential', 'clientSecret') }),
    ...(privateKey && { privateKey: source(privateKey, 'credential', 'privateKey') }),
  }
}

function stdio(name: string, { credential, tools, ...rest }: StdioDefinition, source: Source): UpstreamInFile {
  const env = Object.entries(rest.env).map(([variable, value]) => [variable, source(value, 'env', variable)] as const)
  const own =
    credential.kind === 'env' ? [[credential.name, source(credential.value, 'credential', 'value')] as const] : []
  return {
    name,
    transport: 'stdio',
    ...(credential.kind !== 'none' && { credential: credential.kind }),
    ...rest,
    command: rest.command as [string, ...string[]],
    cwd: rest.cwd,
    user: rest.user,
    tools: { ...tools, only: tools.only, prefix: tools.prefix },
    env: Object.fromEntries([...env, ...own]),
  }
}
