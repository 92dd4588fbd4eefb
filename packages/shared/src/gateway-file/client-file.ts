// The file that desktop clients and editors have, {"mcpServers": {…}}, taken as it is.
import { z } from 'zod'
import { clientEntry, readEntry } from './client-entry.ts'
import type { Fault, ParsedText } from './document.ts'
import { faultAt, faultsAt, faultsOf } from './faults.ts'
import type { GatewayFile, Surroundings, UpstreamInFile } from './gateway-file.ts'
import { builtin, plainSecrets } from './references.ts'

const clientFile = z.looseObject({ mcpServers: z.record(z.string(), z.unknown()) })

/** What clients and editors keep there for themselves. */
const ofEditors: ReadonlySet<string> = new Set([
  // beside the servers
  ...['$schema', 'inputs', 'globalShortcut', 'preferences', 'scale', 'locale', 'userThemeMode'],
  // of a server
  ...['autoApprove', 'alwaysAllow', 'trust', 'tools', 'enabledTools', 'disabledTools', 'includeTools', 'excludeTools'],
  ...['timeout', 'initTimeout', 'description', 'name', 'title', 'icon', 'version', 'tags', 'dev', 'gallery', 'oauth'],
])

interface ClientFileResult {
  /** What is served if there are no faults. */
  readonly file: GatewayFile
  readonly faults: Fault[]
  readonly warnings: Fault[]
}

export function isClientFile(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'mcpServers' in value
}

export function readClientFile(parsed: ParsedText, surroundings: Surroundings): ClientFileResult {
  const upstreams: UpstreamInFile[] = []
  const rest = {
    endpoints: undefined,
    scopes: {},
    rules: [],
    groups: [],
    limits: { caller: undefined, client: undefined, tools: [] },
    parked: 10,
    pins: { mode: 'off' },
    audit: undefined,
  } as const
  const file: GatewayFile = { ...rest, upstreams }
  const result = clientFile.safeParse(parsed.value)
  if (!result.success) return { file, faults: faultsOf(result.error.issues, parsed), warnings: [] }
  const { mcpServers, ...beside } = result.data
  const { faults, warnings } = judgeUnknown(Object.keys(beside), [], parsed)
  const warn = (path: readonly PropertyKey[], message: string) => warnings.push(faultAt(parsed, path, message, 'name'))
  const taken = new Set([builtin])
  for (const [shown, value] of Object.entries(mcpServers)) {
    const path = ['mcpServers', shown]
    const name = nameFor(shown, taken)
    const { data: entry, error } = clientEntry.safeParse(value)
    if (!entry) {
      faults.push(...faultsAt(path, error.issues, parsed))
      continue
    }
    const unknown = Object.keys(entry).filter((member) => !(member in clientEntry.shape))
    const judged = judgeUnknown(unknown, path, parsed)
    faults.push(...judged.faults)
    warnings.push(...judged.warnings)
    if (entry.disabled) {
      warn(path, 'is disabled: it is not served')
      continue
    }
    if (name !== shown) warn(path, `is served as ${name}`)
    const upstream = readEntry(name, entry, { path, parsed, surroundings, faults })
    if (!upstream) continue
    upstreams.push(upstream)
    warnings.push(...plainSecrets(upstream.transport === 'stdio' ? upstream.env : upstream.headers))
  }
  if (upstreams.length === 0 && faults.length === 0)
    faults.push(faultAt(parsed, ['mcpServers'], 'names no server that is not disabled'))
  return { file, faults, warnings }
}

function judgeUnknown(names: readonly string[], path: readonly PropertyKey[], parsed: ParsedText) {
  const told = (known: boolean, message: string) =>
    names
      .filter((name) => ofEditors.has(name) === known)
      .map((name) => faultAt(parsed, [...path, name], message, 'name'))
  return {
    faults: told(false, 'there is no such setting in a file with mcpServers: take it out'),
    warnings: told(true, 'means nothing to a server: it is ignored'),
  }
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
