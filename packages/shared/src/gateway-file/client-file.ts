// The file that desktop clients and editors have, {"mcpServers": {…}}, taken as it is.
import { z } from 'zod'
import { faultOfUpstreamUrl } from './addresses.ts'
import { upstreamKinds } from './definition.ts'
import type { Fault, ParsedText } from './document.ts'
import { faultAt, faultsOf, show } from './faults.ts'
import type { GatewayFile, Surroundings, TextSource, UpstreamInFile } from './gateway-file.ts'
import { credentialHeader } from './headers.ts'
import { BUILTIN, checkAddress, plainSecrets } from './references.ts'
import { argument, variableName } from './values.ts'
import { expand, isTemplate } from './variables.ts'

/** Numbers and switches stand there without quotes, too. */
const value = z.union([argument, z.number(), z.boolean()], 'must be text').transform(String)

const entry = z.looseObject({
  type: z
    .enum(['stdio', 'http', 'sse', 'streamable-http', 'streamableHttp'], 'must be stdio, http, streamable-http or sse')
    .optional(),
  command: argument.min(1, 'must name a program').optional(),
  args: z.array(argument, 'must be a list').default([]),
  env: z.record(variableName, value).default({}),
  cwd: argument.optional(),
  url: z.string('must be a URL').optional(),
  headers: z.record(credentialHeader, value).default({}),
  disabled: z.boolean('must be true or false').default(false),
})
type Entry = z.infer<typeof entry>

const clientFile = z.looseObject({ mcpServers: z.record(z.string(), entry) })

/** What editors keep beside these, which means nothing to a server. */
const ofEditors: ReadonlySet<string> = new Set([
  ...[
    '$schema',
    'inputs',
    'globalShortcut',
    'preferences',
    'isUsingBuiltInNodeForMcp',
    'scale',
    'locale',
    'userThemeMode',
  ],
  ...['autoApprove', 'alwaysAllow', 'timeout', 'description', 'name', 'title', 'icon', 'version', 'trust', 'tags'],
  ...[
    'disabledTools',
    'enabledTools',
    'includeTools',
    'excludeTools',
    'tools',
    'oauth',
    'headersHelper',
    'dev',
    'gallery',
  ],
  ...['initTimeout', 'startupTimeout', 'requestTimeout', 'transportType', 'useLegacyMcpJson', 'disabledInEditor'],
])

export function isClientFile(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'mcpServers' in value
}

/** Faults, and what is served if there is none. */
export function readClientFile(
  parsed: ParsedText,
  surroundings: Surroundings,
): { readonly file: GatewayFile; readonly faults: Fault[]; readonly warnings: Fault[] } {
  const result = clientFile.safeParse(parsed.value)
  const none: GatewayFile = { endpoints: undefined, upstreams: [], scopes: {}, parked: 10 }
  if (!result.success) return { file: none, faults: faultsOf(result.error.issues, parsed), warnings: [] }
  const { mcpServers, ...beside } = result.data
  const faults: Fault[] = []
  const warnings: Fault[] = []
  const judge = (path: readonly PropertyKey[], names: readonly string[]) => {
    for (const name of names) {
      if (ofEditors.has(name))
        warnings.push(faultAt(parsed, [...path, name], 'means nothing to a server: it is ignored', 'name'))
      else
        faults.push(faultAt(parsed, [...path, name], 'there is no such setting beside mcpServers: take it out', 'name'))
    }
  }
  judge([], Object.keys(beside))
  const taken = new Set([BUILTIN])
  const upstreams: UpstreamInFile[] = []
  for (const [shown, server] of Object.entries(mcpServers)) {
    const path = ['mcpServers', shown]
    judge(
      path,
      Object.keys(server).filter((name) => !(name in entry.shape)),
    )
    const name = nameFor(shown, taken)
    if (server.disabled) {
      warnings.push(faultAt(parsed, path, 'is disabled: it is not served', 'name'))
      continue
    }
    if (name !== shown) warnings.push(faultAt(parsed, path, `is served as ${name}`, 'name'))
    const upstream = readEntry(name, server, { path, parsed, surroundings, faults })
    if (!upstream) continue
    upstreams.push(upstream)
    warnings.push(...plainSecrets(upstream.transport === 'stdio' ? upstream.env : upstream.headers))
  }
  if (upstreams.length === 0 && faults.length === 0)
    faults.push(faultAt(parsed, ['mcpServers'], 'names no server that is not disabled', 'name'))
  return { file: { ...none, upstreams }, faults, warnings }
}

/** `[a-z][a-z0-9-]{0,19}`, and never one of `taken`, to which it is added. */
function nameFor(shown: string, taken: Set<string>): string {
  const words = shown
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
  const plain = (/^[a-z]/.test(words) ? words : `server-${words}`).slice(0, 20).replace(/-+$/, '')
  let name = plain
  for (let number = 2; taken.has(name); number += 1) name = `${plain.slice(0, 20 - `-${number}`.length)}-${number}`
  taken.add(name)
  return name
}

function readEntry(
  name: string,
  server: Entry,
  context: { path: readonly PropertyKey[]; parsed: ParsedText; surroundings: Surroundings; faults: Fault[] },
): UpstreamInFile | undefined {
  const { path, parsed, surroundings, faults } = context
  const refuse = (at: readonly PropertyKey[], message: string, part?: 'name') => {
    faults.push(faultAt(parsed, [...path, ...at], message, part))
    return undefined
  }
  const plain = (text: string, ...at: PropertyKey[]): string => {
    if (!isTemplate(text) || !surroundings.variable) return text
    const expanded = expand(text, surroundings.variable)
    if ('fault' in expanded) refuse(at, expanded.fault)
    return 'text' in expanded ? expanded.text : text
  }
  const texts = (values: Readonly<Record<string, string>>, part: string) =>
    Object.fromEntries(Object.entries(values).map(([key, text]) => [key, source(text, [...path, part, key])]))
  const source = (text: string, at: readonly PropertyKey[]): TextSource => ({
    kind: isTemplate(text) ? 'template' : 'plain',
    text,
    ...parsed.placeOf(at),
    at: show(at),
  })
  const { command, url } = server
  if (command !== undefined && url !== undefined)
    return refuse(['url'], 'has a url and a command: take one away', 'name')
  if (command !== undefined) {
    if (server.type && server.type !== 'stdio') return refuse(['type'], `is ${server.type}, and there is a command`)
    const { credential, ...rest } = upstreamKinds.stdio.parse({ command: ['program'] })
    const args = server.args.map((text, index) => plain(text, 'args', index))
    const { only, prefix } = rest.tools
    return {
      ...rest,
      name,
      transport: 'stdio',
      tools: { ...rest.tools, only, prefix },
      command: [plain(command, 'command'), ...args],
      cwd: server.cwd === undefined ? undefined : plain(server.cwd, 'cwd'),
      env: texts(server.env, 'env'),
      user: undefined,
    }
  }
  if (url === undefined) return refuse([], 'needs a url or a command', 'name')
  if (server.type === 'stdio') return refuse(['type'], 'is stdio, and there is a url: name the command')
  const address = plain(url, 'url')
  if (!isTemplate(address)) {
    const fault = faultOfUpstreamUrl(address)
    if (fault) return refuse(['url'], fault)
    const { issuer, resource = '' } = surroundings
    faults.push(...checkAddress(address, [...path, 'url'], { parsed, issuer, endpoints: [resource] }))
  }
  const { credential, ...rest } = upstreamKinds.remote.parse({ url: 'http://localhost/' })
  const { only, prefix } = rest.tools
  return {
    ...rest,
    name,
    transport: server.type === 'sse' ? 'sse' : 'http',
    tools: { ...rest.tools, only, prefix },
    url: address,
    headers: texts(server.headers, 'headers'),
    tls: undefined,
  }
}
