import { ClientError, cleanLine, type Fetch, safeUrl } from '@gatehouse/network'
import { type AuthorizationServerMetadata, authorizationServerMetadata } from '@gatehouse/shared'
import { buildDiscoveryUrls } from '@modelcontextprotocol/client'
import { readFirstMetadata } from './read-metadata.ts'

const mostServers = 5

/** The endpoints that we call or show. Others (`jwks_uri`, …) are not checked, because they are not used. */
const usedEndpoints = [
  'authorization_endpoint',
  'token_endpoint',
  'registration_endpoint',
  'device_authorization_endpoint',
  'revocation_endpoint',
] as const

/**
 * The metadata of an authorization server: RFC 8414 with the path inserted, then OpenID Connect Discovery inserted and
 * appended. Its `issuer` has to be `issuer`, byte for byte (RFC 8414 §3.3), and each endpoint an address that is
 * safe to use.
 */
async function readAuthorizationServer(issuer: string, fetch: Fetch): Promise<AuthorizationServerMetadata> {
  const places = buildDiscoveryUrls(safeUrl(issuer, 'authorization_servers')).map(({ url }) => url.href)
  const metadata = (await readFirstMetadata(places, authorizationServerMetadata, fetch))?.metadata
  if (!metadata) {
    throw new ClientError('metadata_missing', `${cleanLine(issuer, 120)} does not say how to sign in.`, {
      reason: 'It publishes neither RFC 8414 nor OpenID Connect metadata.',
      hint: 'This is for the people who run the server to repair.',
    })
  }
  if (metadata.issuer !== issuer) throw mismatch(issuer, metadata.issuer)
  for (const endpoint of usedEndpoints) {
    const address = metadata[endpoint]
    if (address !== undefined) safeUrl(address, endpoint)
  }
  return metadata
}

/**
 * The metadata of the first of several authorization servers that has any (RFC 9728 §2: which one is used is the client's
 * to choose). One that is out of order, unsafe or not who it says ends the search: somebody has to look at that.
 */
export async function readFirstAuthorizationServer(
  issuers: readonly string[],
  fetch: Fetch,
): Promise<AuthorizationServerMetadata> {
  let first: unknown
  for (const issuer of issuers.slice(0, mostServers)) {
    try {
      return await readAuthorizationServer(issuer, fetch)
    } catch (error) {
      if (!hasNoMetadata(error)) throw error
      first ??= error
    }
  }
  throw first
}

function hasNoMetadata(error: unknown): boolean {
  return error instanceof ClientError && (error.code === 'metadata_missing' || error.code === 'metadata_invalid')
}

function mismatch(expected: string, found: string): ClientError {
  return new ClientError('issuer_mismatch', 'The sign-in service does not say it is the one the server named.', {
    reason: `The server names ${cleanLine(expected, 120)}, the metadata there says ${cleanLine(found, 120)}.`,
    hint: 'Nothing was sent. If you run the server, make the two identical, byte for byte.',
  })
}
