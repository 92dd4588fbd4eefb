import { type AuthorizationServerMetadata, authorizationServerMetadata } from '@gatehouse/shared'
import { buildDiscoveryUrls } from '@modelcontextprotocol/client'
import { ClientError } from '../errors.ts'
import { safeUrl } from '../network/addresses.ts'
import type { Fetch } from '../network/guarded-fetch.ts'
import { cleanLine } from '../text.ts'
import { readMetadata } from './read-metadata.ts'

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
 * appended. Its `issuer` has to be `issuer`, byte for byte (RFC 8414 §3.3, K2), and each endpoint an address that is
 * safe to use (K1).
 */
export async function readAuthorizationServer(issuer: string, fetch: Fetch): Promise<AuthorizationServerMetadata> {
  for (const { url } of buildDiscoveryUrls(safeUrl(issuer, 'authorization_servers'))) {
    const metadata = await readMetadata(url.href, authorizationServerMetadata, fetch)
    if (!metadata) continue
    if (metadata.issuer !== issuer) throw mismatch(issuer, metadata.issuer)
    for (const endpoint of usedEndpoints) {
      const address = metadata[endpoint]
      if (address !== undefined) safeUrl(address, endpoint)
    }
    return metadata
  }
  throw new ClientError('metadata_missing', `${cleanLine(issuer, 120)} does not say how to sign in.`, {
    reason: 'It publishes neither RFC 8414 nor OpenID Connect metadata.',
    hint: 'This is for the people who run the server to repair.',
  })
}

function mismatch(expected: string, found: string): ClientError {
  return new ClientError('issuer_mismatch', 'The sign-in service does not say it is the one the server named.', {
    reason: `The server names ${cleanLine(expected, 120)}, the metadata there says ${cleanLine(found, 120)}.`,
    hint: 'Nothing was sent. If you run the server, make the two identical, byte for byte.',
  })
}
