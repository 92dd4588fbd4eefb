import { protectedResourceMetadata, protectedResourceMetadataUrl } from '@gatehouse/shared'
import { checkResourceAllowed } from '@modelcontextprotocol/client'
import { ClientError } from '../errors.ts'
import type { Fetch } from '../network/guarded-fetch.ts'
import { cleanLine } from '../text.ts'
import { readMetadata } from './read-metadata.ts'

export interface ProtectedResource {
  readonly resource: string
  readonly authorizationServer: string
  /** All scopes that the resource lists, space-separated. */
  readonly scopes: string | undefined
}

/**
 * The RFC 9728 metadata of an MCP server: from where the challenge says, else from the path-inserted well-known place,
 * else from the root. Its `resource` has to be the address in use, or contain it: same origin, and a path that is a
 * whole-segment prefix (what MCP clients accept). Anything else is refused (K2).
 */
export async function readProtectedResource(
  url: URL,
  challenged: string | undefined,
  fetch: Fetch,
): Promise<ProtectedResource> {
  const wellKnown = [protectedResourceMetadataUrl(url.href), protectedResourceMetadataUrl(url.origin)]
  for (const place of challenged === undefined ? new Set(wellKnown) : [challenged]) {
    const metadata = await readMetadata(place, protectedResourceMetadata, fetch)
    if (!metadata) continue
    const { resource, authorization_servers: [authorizationServer] = [], scopes_supported } = metadata
    if (!checkResourceAllowed({ requestedResource: url, configuredResource: resource })) throw mismatch(url, resource)
    if (authorizationServer === undefined) throw missing(url, `${place} names no authorization server.`)
    return { resource, authorizationServer, scopes: scopes_supported?.join(' ') || undefined }
  }
  throw missing(url, 'It publishes no OAuth metadata (RFC 9728).')
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
