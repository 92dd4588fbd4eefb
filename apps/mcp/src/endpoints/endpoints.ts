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

export interface EndpointsOptions {
  readonly config: Pick<Config, 'endpoints' | 'issuer' | 'allowedOrigins' | 'development'>
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
  /** Answers in the place of what still works. */
  stop(): Promise<unknown>
  /** Ends what is behind them. */
  close(): Promise<unknown>
}

export function openEndpoints({ config, keys, store, common, serve, clock }: EndpointsOptions): Endpoints {
  const { issuer, allowedOrigins, development } = config

  function open(endpoint: Endpoint): McpEndpoint {
    const { resource, title, upstreams } = endpoint
    common.log.info({ resource, title, upstreams }, 'an endpoint is served')
    const guard = createGuard({
      resource,
      issuer,
      scopes: defaultScopes,
      resourceName: title,
      verifyAccessToken: createOurVerifier({ issuer, resource, keys, clock }),
      effectiveScopes,
    })
    const checkOrigin = createOriginCheck({ resources: [resource], allowedOrigins, development })
    return createMcpEndpoint({ guard, issuer, checkOrigin, served: serve(endpoint), store, common })
  }

  const all = config.endpoints.map(open)
  const directory = createDirectory(createTable(all, issuer), { allowedOrigins, development })

  return {
    directory: () => directory,
    stop: () => Promise.all(all.map((endpoint) => endpoint.stop())),
    close: () => Promise.all(all.map(({ served }) => served.close?.())),
  }
}
