// A client id metadata document (draft-ietf-oauth-client-id-metadata-document): the client's id is the https address of a
// document about it, which its maker publishes. Nothing is registered anywhere.
import { ClientError, cleanLine } from '@gatehouse/network'
import type { GivenIdentity } from './registration.ts'

/**
 * The identity behind the address of a metadata document. Throws a usage error for what is no such address (§3): https,
 * with a path, without a fragment, user name or password. The document itself is NOT read: the service does that.
 */
export function clientMetadataId(address: string): GivenIdentity {
  const url = URL.parse(address)
  if (url?.protocol === 'https:' && url.pathname !== '/' && !url.hash && !url.username && !url.password) {
    return { clientId: address }
  }
  throw new ClientError('usage', `"${cleanLine(address, 80)}" is not the address of a client metadata document.`, {
    hint: 'It has to be https and to have a path: https://example.com/client.json',
  })
}
