// What we know of a client beyond what it says of itself: members of our own in its metadata, and what follows from them.
import { parseScope } from '@gatehouse/shared'
import { maxAge } from './unused-metadata.ts'

/** Members of our own that travel with a client's metadata and are never shown to it. */
export const registrationMember = 'gatehouse_registration'
export const scopeLimit = 'gatehouse_scope'
/** In the operator's file: this client's device flow is GitHub's own (device/relay.ts). */
export const githubDeviceFlow = 'github_device_flow'
/** In the operator's file: the resource whose server this client is, and whose tokens it may introspect. */
export const resourceServer = 'resource_server'
/** What only an operator can grant. */
export const operatorMetadata = [scopeLimit, githubDeviceFlow, resourceServer]
export const ownMetadata = [registrationMember, maxAge, ...operatorMetadata]

type Metadata = Record<string, unknown>
type ClientLike = object

/** The scopes that the operator limited this client to; undefined for "what the resource offers". */
export function registeredScope(client: ClientLike): ReadonlySet<string> | undefined {
  const limit = (client as Metadata)[scopeLimit]
  return typeof limit === 'string' ? parseScope(limit) : undefined
}

/** Whether the operator vouches for this client, rather than the client for itself. */
export function isOperatorRegistered(client: ClientLike): boolean {
  return (client as Metadata)[registrationMember] === 'static'
}

/** The host of a client id metadata document, which vouches for what the document says. */
export function vouchingHost(client: ClientLike): { readonly verifiedHost?: string } {
  const { [registrationMember]: registration, clientId } = client as Metadata
  return registration === 'document' ? { verifiedHost: new URL(String(clientId)).host } : {}
}
