// Servers of the SDK that answer for many callers, one for each set of capabilities: what a server may say depends on what it
// has told of itself. See ../../mcp/exchanges.ts.
import type { Server } from '@modelcontextprotocol/server'
import { sharedVersions } from '../../mcp/exchanges.ts'
import { servedIn } from '../../mcp/served.ts'
import type { EndpointDescription } from '../catalog/contract.ts'
import { createRelayServer, type RelayServerOptions } from './server.ts'

/** Who comes with one more set goes the long way. */
const mostShared = 16

export function createSharedServers(
  serving: Pick<RelayServerOptions, 'identity' | 'ownerOf' | 'capabilitiesOf' | 'handle' | 'onerror'>,
) {
  const shared = new Map<string, Server>()
  return (description: EndpointDescription): Server | undefined => {
    const key = JSON.stringify(description.capabilities)
    const known = shared.get(key)
    if (known || shared.size >= mostShared) return known
    const server = createRelayServer({
      ...serving,
      servedOf: ({ http }) => servedIn(http?.authInfo),
      description,
      supportedProtocolVersions: sharedVersions,
    })
    shared.set(key, server)
    return server
  }
}
