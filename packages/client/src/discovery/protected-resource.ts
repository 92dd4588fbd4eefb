import { ClientError, cleanLine, type Fetch } from '@gatehouse/network'
import { protectedResourceMetadata, protectedResourceMetadataUrl } from '@gatehouse/shared'
import { checkResourceAllowed } from '@modelcontextprotocol/client'
import { readFirstMetadata } from './read-metadata.ts'

export interface ProtectedResource {
  readonly resource: string
  /** At least one. */
  readonly authorizationServers: readonly string[]
  /** All scopes that the resource lists, space-separated. */
  readonly scopes: string | undefined
}

/**
 * The RFC 9728 metadata of an MCP server: from where the challenge says, else from the path-inserted well-known place,
 * else from the root. Its `resource` has to be the address in use, or contain it: same origin, and a path that is a
 * whole-segment prefix (what MCP clients accept). Anything else is refused.
 */
export async function readProtectedResource(
  url: URL,
  challenged: string | undefined,
  fetch: Fetch,
): Promise<ProtectedResource> {
  const wellKnown = [protectedResourceMetadataUrl(url.href), protectedResourceMetadataUrl(url.origin)]
  const places = new Set(challenged === undefined ? wellKnown : [challenged, ...wellKnown])
  const found = await readFirstMetadata(places, protectedResourceMetadata, fetch)
  if (!found) throw missing(url, 'It publishes no OAuth metadata (RFC 9728).')
  const { resource, authorization_servers: authorizationServers = [], scopes_supported } = found.metadata
  if (!covers(resource, url)) throw mismatch(url, resource)
  if (authorizationServers.length === 0) throw missing(url, `${found.place} names no authorization server.`)
  return { resource, authorizationServers, scopes: scopes_supported?.join(' ') || undefined }
}

/** Whether a resource is the address, or contains it. A slash at the end of either makes no other resource of it. */
function covers(resource: string, url: URL): boolean {
  const configured = new URL(resource)
  configured.pathname = configured.pathname.replace(/\/$/, '')
  return checkResourceAllowed({ requestedResource: url, configuredResource: configured })
}

function mismatch(url: URL, resource: string): ClientError {
  const other = cleanLine(resource, 120)
  const sameHost = URL.parse(resource)?.host === url.host
  return new ClientError('resource_mismatch', `The metadata of ${url.href} is for another address.`, {
    reason: `It describes ${other}.`,
    hint: sameHost
      ? `If that is the server you mean:  --url ${other}`
      : 'Do not sign in here unless its operator explains this.',
  })
}

function missing(url: URL, reason: string): ClientError {
  return new ClientError('metadata_missing', `${url.href} does not say how to sign in.`, {
    reason,
    hint: 'Check that this is the full address of an MCP server that asks for a sign-in, path included.',
  })
}
