// What is behind an upstream, for its operator: asked as a caller would ask, with the gateway's own credential.
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { createBuiltin } from '../sources/builtin/builtin.ts'
import { createCatalog } from './catalog/catalog.ts'
import { systemClock } from './catalog/clock.ts'
import { createMemoryCatalogStore } from './catalog/store.ts'
import { openUpstreams } from './open-gateway.ts'
import { seatsAt } from './seat.ts'
import type { GatewaySettings } from './settings.ts'
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
const PAGES = 1_000

export interface Inspection {
  readonly upstream: string
  /** What it is, or why nobody knows. */
  readonly found: Inspected | UpstreamError
}

/**
 * Asks all upstreams of a configuration, side by side. `problems`: names that clash or cannot be shown, in words. `onLine`:
 * what a command prints on standard error, and what is wrong with it.
 */
export async function inspectAll(
  { gateway, identity, proxies, dataDir, inherited }: Config,
  { signal, onLine }: { readonly signal: AbortSignal; readonly onLine: (line: string) => void },
): Promise<{ readonly upstreams: readonly Inspection[]; readonly problems: readonly string[] }> {
  if (!gateway) return { upstreams: [], problems: [] }
  const told = (details: object, message: string): void => {
    const { line, upstream } = details as { readonly line?: string; readonly upstream?: string }
    onLine(`${upstream ?? 'gateway'}: ${line ?? message}`)
  }
  const log = { info: () => undefined, warn: told, error: told }
  const stateFolder = join(dataDir, 'upstreams')
  const opened = openUpstreams({
    settings: gateway,
    identity,
    log,
    builtin: createBuiltin(),
    proxies,
    stateFolder,
    inherited,
  })
  const problems = new Set<string>()
  try {
    const upstreams = await Promise.all(
      opened.upstreams.map(async (upstream): Promise<Inspection> => {
        const found = await inspect(upstream, endpointOf(upstream, gateway), signal).catch((error: unknown) => {
          if (error instanceof UpstreamError) return error
          if (error instanceof RpcError) return invalid(upstream, `answers with the error ${error.code}`)
          throw error
        })
        return { upstream: upstream.settings.name, found }
      }),
    )
    for (const endpoint of gateway.endpoints) {
      const catalog = createCatalog({
        upstreams: seatsAt(endpoint, opened.upstreams),
        clock: systemClock,
        store: createMemoryCatalogStore(systemClock),
        onProblem: ({ kind, upstream, message }) => kind !== 'unlisted' && problems.add(`${upstream}: ${message}`),
      })
      const behalf = operator(endpoint.resource, signal)
      await Promise.all([
        catalog.tools(behalf, '2025'),
        catalog.prompts(behalf, '2025'),
        catalog.resources(behalf, '2025'),
      ])
    }
    return { upstreams, problems: [...problems] }
  } finally {
    await opened.close()
  }
}

/** The first that it stands behind. */
function endpointOf({ settings }: Upstream, { endpoints }: GatewaySettings): string {
  return endpoints.find(({ upstreams }) => upstreams.includes(settings.name))?.resource ?? ''
}

/** Rejects with an {@link UpstreamError}. */
async function inspect(upstream: Upstream, resource: string, signal: AbortSignal): Promise<Inspected> {
  const behalf = operator(resource, signal)
  const { name } = upstream.settings
  const { era, protocolVersion, serverInfo, capabilities } = await upstream.describe(behalf)
  const tools = capabilities.tools ? await listTools(upstream, behalf) : []
  return {
    upstream: name,
    era,
    protocolVersion,
    name: String(serverInfo.title ?? serverInfo.name ?? name),
    version: String(serverInfo.version ?? ''),
    tools: tools.map(readTool),
    has: (['prompts', 'resources'] as const).filter((kind) => capabilities[kind]),
  }
}

async function listTools(upstream: Upstream, behalf: Behalf): Promise<readonly Members[]> {
  const tools: Members[] = []
  let cursor: unknown
  for (let page = 0; page < PAGES; page += 1) {
    const params = cursor === undefined ? {} : { cursor }
    const result = await upstream.request({ method: 'tools/list', params }, behalf).catch((error: unknown) => {
      if (!(error instanceof RpcError)) throw error
      throw invalid(upstream, `answers tools/list with the error ${error.code}`)
    })
    if (!Array.isArray(result.tools)) throw invalid(upstream, 'answers tools/list without tools')
    tools.push(...result.tools)
    cursor = result.nextCursor
    if (typeof cursor !== 'string') return tools
  }
  throw invalid(upstream, `has a list of tools of more than ${PAGES} pages`)
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
