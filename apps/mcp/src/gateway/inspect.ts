// What is behind an upstream, for its operator: asked as a caller would ask, with the gateway's own credential. Nobody calls, so
// none is told who does.
import { join } from 'node:path'
import { arePinsEnforced } from '@gatehouse/shared/gateway-file'
import type { Config } from '../config.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'
import { createCatalog } from './catalog/catalog.ts'
import { systemClock } from './catalog/clock.ts'
import type { Catalog } from './catalog/contract.ts'
import { isOffered } from './catalog/names.ts'
import { createMemoryCatalogStore } from './catalog/store.ts'
import { openUpstreams } from './open-upstreams.ts'
import { collectPins } from './pins/collect.ts'
import type { Pin } from './pins/contract.ts'
import { differencesOf } from './pins/differences.ts'
import { createPins } from './pins/pins.ts'
import { visible } from './pins/visible.ts'
import { gapsIn, type Inventory, idleLimits } from './rules/coverage.ts'
import { seatsAt } from './seat.ts'
import type { EndpointSettings, GatewaySettings, UpstreamSettings } from './settings.ts'
import {
  type Behalf,
  type Era,
  type Json,
  type Members,
  RpcError,
  type Upstream,
  UpstreamError,
} from './upstreams/contract.ts'

export interface InspectedTool {
  readonly name: string
  /** `annotations.destructiveHint`, which is true by default, of a tool that does not say that it only reads. */
  readonly isDestructive: boolean
}

export interface Inspected {
  readonly upstream: string
  readonly era: Era
  readonly protocolVersion: string
  /** As it calls itself. Untrusted. */
  readonly name: string
  readonly version: string
  /** As it names them. Untrusted. */
  readonly tools: readonly InspectedTool[]
  /** `prompts`, `resources`: whether it says that it has them. */
  readonly has: readonly ('prompts' | 'resources')[]
}

/** Nobody's list is longer: an upstream may go on without end. */
const pages = 1_000

export interface Inspection {
  readonly upstream: string
  /** What it is, or why nobody knows. */
  readonly found: Found | UpstreamError
  /** Callers are told to it, and it was asked without: only a gateway that runs knows one. */
  readonly isAskedByNobody: boolean
  /** It refuses that, as it seems. */
  readonly wantsCaller: boolean
}

interface Found extends Inspected {
  readonly inventory: Inventory
}

interface InspectOptions {
  readonly signal: AbortSignal
  /** What a command prints on standard error, and what is wrong with it. */
  readonly onLine: (line: string) => void
}

/**
 * Asks all upstreams of a configuration, side by side. `problems`: names that clash or cannot be shown, and what rules, limits and
 * upstreams do not know of each other, in words.
 */
export async function inspectAll(
  config: Config,
  options: InspectOptions,
): Promise<{ readonly upstreams: readonly Inspection[]; readonly problems: readonly string[] }> {
  const { gateway } = config
  if (!gateway) return { upstreams: [], problems: [] }
  const { signal } = options
  const problems = new Set<string>()
  return withUpstreams(config, gateway, options, async (opened) => {
    const upstreams = await Promise.all(
      opened.map(async (upstream): Promise<Inspection> => {
        const found = await inspect(upstream, gateway, signal).catch((error: unknown) => {
          if (error instanceof UpstreamError) return error
          if (error instanceof RpcError) return invalid(upstream, `answers with the error ${error.code}`)
          throw error
        })
        const isAskedByNobody = isTold(upstream.settings)
        const isRefused = found instanceof UpstreamError && found.fault === 'unauthorized' && !found.about
        const wantsCaller = isAskedByNobody && isRefused
        return { upstream: upstream.settings.name, found, isAskedByNobody, wantsCaller }
      }),
    )
    for (const endpoint of gateway.endpoints) {
      const catalog = catalogAt(endpoint, opened, gateway, (problem) => problems.add(problem))
      const behalf = operator(endpoint.resource, signal)
      await Promise.all([
        catalog.tools(behalf, '2025'),
        catalog.prompts(behalf, '2025'),
        catalog.resources(behalf, '2025'),
      ])
    }
    const inventories = upstreams.flatMap(({ found }) => (found instanceof UpstreamError ? [] : [found.inventory]))
    const unpinned = gateway.pins.mode === 'off' ? [] : await unpinnedOf(opened, gateway, signal)
    const gaps = [...gapsIn(gateway.rules, inventories), ...idleLimits(gateway.limits, inventories)]
    return { upstreams, problems: [...problems, ...gaps, ...unpinned] }
  })
}

function isTold(settings: UpstreamSettings): boolean {
  return 'identity' in settings && settings.identity !== undefined
}

async function unpinnedOf(
  opened: readonly Upstream[],
  gateway: GatewaySettings,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const collections = await Promise.all(opened.map((upstream) => collect(upstream, gateway, signal)))
  return collections.flatMap(({ upstream, found }) => {
    // why nobody knows is told of the upstream itself
    if (found instanceof UpstreamError) return []
    const before = gateway.pins.lock.pins.filter((pin) => pin.upstream === upstream)
    const unpinned = differencesOf(before, found).filter(({ change }) => change !== 'gone')
    const effect = arePinsEnforced(gateway) ? 'it is withheld' : 'it is let pass'
    return unpinned.map(
      ({ kind, name, change }) =>
        `${upstream}: ${visible(`${kind} ${name}`.trim())} ${change === 'new' ? 'is not pinned' : 'changed since it was pinned'}: ${effect}`,
    )
  })
}

/** What there is to be pinned, or why nobody knows. */
export interface Collection {
  readonly upstream: string
  readonly found: readonly Pin[] | UpstreamError
  /** See {@link Inspection}. */
  readonly isAskedByNobody: boolean
}

/** Asks the upstreams of a configuration, or `only` some of them, for all that is pinned. */
export async function collectAll(
  config: Config,
  { only, ...options }: InspectOptions & { readonly only?: readonly string[] | undefined },
): Promise<readonly Collection[]> {
  const { gateway } = config
  if (!gateway) return []
  const upstreams = gateway.upstreams.filter(({ name }) => !only || only.includes(name))
  return withUpstreams(config, { ...gateway, upstreams }, options, (opened) =>
    Promise.all(opened.map((upstream) => collect(upstream, gateway, options.signal))),
  )
}

async function collect(upstream: Upstream, gateway: GatewaySettings, signal: AbortSignal): Promise<Collection> {
  const of = { upstream: upstream.settings.name, isAskedByNobody: isTold(upstream.settings) }
  try {
    return { ...of, found: await collectPins(upstream, operator(endpointOf(upstream, gateway), signal)) }
  } catch (error) {
    if (error instanceof UpstreamError) return { ...of, found: error }
    if (error instanceof RpcError) return { ...of, found: invalid(upstream, `answers with the error ${error.code}`) }
    throw error
  }
}

/** Whose tool clients know by this name, at the first endpoint that has one, and what it is called there. */
export async function findTool(
  config: Config,
  name: string,
  options: InspectOptions,
): Promise<{ readonly upstream: string; readonly tool: string; readonly endpoint: string } | undefined> {
  const { gateway } = config
  if (!gateway) return undefined
  return withUpstreams(config, gateway, options, async (opened) => {
    for (const endpoint of gateway.endpoints) {
      const catalog = catalogAt(endpoint, opened, gateway, () => undefined)
      const found = await catalog.findTool(name, operator(endpoint.resource, options.signal))
      if (found) return { upstream: found.upstream.settings.name, tool: found.name, endpoint: endpoint.resource }
    }
    return undefined
  })
}

async function withUpstreams<Result>(
  { identity, proxies, dataDir, inherited }: Config,
  settings: GatewaySettings,
  { onLine }: InspectOptions,
  work: (upstreams: readonly Upstream[]) => Promise<Result>,
): Promise<Result> {
  const told = (details: object, message: string): void => {
    const { line, upstream } = details as { readonly line?: string; readonly upstream?: string }
    onLine(`${upstream ?? 'gateway'}: ${line ?? message}`)
  }
  const log = { info: () => undefined, warn: told, error: told }
  const stateFolder = join(dataDir, 'upstreams')
  const opened = openUpstreams({ settings, identity, log, builtin: createBuiltin(), proxies, stateFolder, inherited })
  try {
    return await work(opened.upstreams)
  } finally {
    await opened.close()
  }
}

function catalogAt(
  endpoint: EndpointSettings,
  upstreams: readonly Upstream[],
  { pins }: GatewaySettings,
  onProblem: (problem: string) => void,
): Catalog {
  return createCatalog({
    upstreams: seatsAt(endpoint, upstreams),
    clock: systemClock,
    store: createMemoryCatalogStore(systemClock),
    // what is not as it was pinned is told by unpinnedOf()
    pins: createPins(pins, () => undefined),
    onProblem: ({ kind, upstream, message }) => kind !== 'unlisted' && onProblem(`${upstream}: ${message}`),
  })
}

/** The first that it stands behind. */
function endpointOf({ settings }: Upstream, { endpoints }: GatewaySettings): string {
  return endpoints.find(({ upstreams }) => upstreams.includes(settings.name))?.resource ?? ''
}

/** Rejects with an {@link UpstreamError}. */
async function inspect(upstream: Upstream, gateway: GatewaySettings, signal: AbortSignal): Promise<Found> {
  const behalf = operator(endpointOf(upstream, gateway), signal)
  const { name, tools: names } = upstream.settings
  const { era, protocolVersion, serverInfo, capabilities } = await upstream.describe(behalf)
  const tools = capabilities.tools ? await listAll(upstream, 'tools', behalf) : []
  const isAsked = gateway.rules.rules.some((rule) => rule.prompts.some((one) => one.upstream === name))
  const prompts = isAsked && capabilities.prompts ? await listAll(upstream, 'prompts', behalf) : undefined
  return {
    upstream: name,
    era,
    protocolVersion,
    name: String(serverInfo.title ?? serverInfo.name ?? name),
    version: String(serverInfo.version ?? ''),
    tools: tools.map(readTool),
    has: (['prompts', 'resources'] as const).filter((kind) => capabilities[kind]),
    inventory: {
      upstream: name,
      tools: tools.map((tool) => String(tool.name)).filter((tool) => isOffered(tool, names)),
      prompts: prompts?.map((prompt) => String(prompt.name)),
    },
  }
}

async function listAll(upstream: Upstream, kind: 'tools' | 'prompts', behalf: Behalf): Promise<readonly Members[]> {
  const items: Members[] = []
  const method = `${kind}/list`
  let cursor: unknown
  for (let page = 0; page < pages; page += 1) {
    const params = cursor === undefined ? {} : { cursor }
    const result = await upstream.request({ method, params }, behalf).catch((error: unknown) => {
      if (!(error instanceof RpcError)) throw error
      throw invalid(upstream, `answers ${method} with the error ${error.code}`)
    })
    if (!Array.isArray(result[kind])) throw invalid(upstream, `answers ${method} without ${kind}`)
    items.push(...result[kind])
    cursor = result.nextCursor
    if (typeof cursor !== 'string') return items
  }
  throw invalid(upstream, `has a list of ${kind} of more than ${pages} pages`)
}

function invalid({ settings }: Upstream, what: string): UpstreamError {
  return new UpstreamError(settings.name, 'invalid', `${settings.name} ${what}`)
}

function readTool({ name, annotations }: Members): InspectedTool {
  const hints: Json = annotations ?? {}
  return { name: String(name), isDestructive: hints.readOnlyHint !== true && hints.destructiveHint !== false }
}

function operator(resource: string, signal: AbortSignal): Behalf {
  return {
    owner: { endpoint: resource, issuer: 'gatehouse', subject: 'operator', clientId: 'inspect', session: undefined },
    granted: { scopes: new Set(), expiresAt: Date.now() / 1000 + 3_600 },
    capabilities: {},
    headers: {},
    progressToken: undefined,
    logLevel: undefined,
    signal,
    hear: () => undefined,
    ask: () => Promise.reject(new RpcError(-32_601, 'nobody is here to be asked')),
  }
}
