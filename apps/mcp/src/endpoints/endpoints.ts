// The endpoints of this process, each a protected resource of its own (RFC 9728): its guard, its scopes, its sessions, what is
// served there. table.ts says which one a request is for.
import { createGuard } from '@gatehouse/guard'
import type { SessionStore } from '@gatehouse/mcp-sessions'
import { defaultScopes, effectiveScopes } from '@gatehouse/shared'
import type { Config, Endpoint } from '../config.ts'
import type { Common } from '../mcp/common.ts'
import { createMcpEndpoint, type McpEndpoint } from '../mcp/endpoint.ts'
import { createOriginCheck } from '../mcp/origins.ts'
import type { Served } from '../mcp/served.ts'
import { createOurVerifier } from '../tokens.ts'
import { createDirectory, type Directory } from './dispatch.ts'
import { createTable } from './table.ts'

/** What may change while the process runs. */
export type Changeable = Pick<Config, 'endpoints' | 'development'>

export interface EndpointsOptions {
  readonly config: Changeable & Pick<Config, 'issuer' | 'allowedOrigins' | 'fastPaths'>
  readonly keys: Parameters<typeof createOurVerifier>[0]['keys']
  readonly store: SessionStore | undefined
  readonly common: Common
  /** What stands behind an endpoint. */
  readonly serve: (endpoint: Endpoint) => Served
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

export interface Endpoints {
  directory(): Directory
  /**
   * Opens and ends endpoints, at once. At one that is gone what was begun goes on, for `drain` milliseconds at most; its
   * streams end. One that stays keeps its sessions and its streams.
   */
  change(to: Changeable, drain: number): void
  /** Answers in the place of what still works. */
  stop(): Promise<unknown>
  /** Ends what is behind them. */
  close(): Promise<unknown>
}

export function openEndpoints({ config, keys, store, common, serve, clock }: EndpointsOptions): Endpoints {
  const { issuer, allowedOrigins, fastPaths } = config
  const { log } = common
  let all: readonly McpEndpoint[] = []
  let directory: Directory
  /** At which something is still under way. */
  const leaving = new Set<McpEndpoint>()

  /** Who may call it, and from where. */
  function terms({ resource, title, scopes }: Endpoint, { development }: Changeable) {
    const guard = createGuard({
      resource,
      issuer,
      scopes,
      challengeScopes: defaultScopes,
      resourceName: title,
      verifyAccessToken: createOurVerifier({ issuer, resource, keys, clock, ...(!fastPaths && { remembered: 0 }) }),
      effectiveScopes,
    })
    return { guard, checkOrigin: createOriginCheck({ resources: [resource], allowedOrigins, development }) }
  }

  function open(endpoint: Endpoint, to: Changeable): McpEndpoint {
    const { resource, title, upstreams } = endpoint
    log.info({ resource, title, upstreams }, 'an endpoint is served')
    return createMcpEndpoint({ ...terms(endpoint, to), issuer, served: serve(endpoint), store, common, fastPaths })
  }

  async function leave(endpoint: McpEndpoint, drain: number): Promise<void> {
    log.info({ resource: endpoint.resource }, 'an endpoint is served no more')
    leaving.add(endpoint)
    endpoint.end()
    await endpoint.idle(drain)
    await endpoint.stop()
    await endpoint.served.close?.()
    leaving.delete(endpoint)
  }

  function change(to: Changeable, drain: number): void {
    const before = all
    all = to.endpoints.map((endpoint) => {
      const known = before.find(({ resource }) => resource === endpoint.resource)
      return known ? { ...known, ...terms(endpoint, to) } : open(endpoint, to)
    })
    directory = createDirectory(createTable(all, issuer), { allowedOrigins, development: to.development })
    for (const endpoint of before)
      if (!all.some(({ resource }) => resource === endpoint.resource)) leave(endpoint, drain).catch(common.onerror)
  }
  change(config, 0)

  return {
    directory: () => directory,
    change,
    stop: () => Promise.all([...all, ...leaving].map((endpoint) => endpoint.stop())),
    close: () => Promise.all([...all, ...leaving].map(({ served }) => served.close?.())),
  }
}
