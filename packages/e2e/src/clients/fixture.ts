// What a client that cannot run here sends, as data: replay.ts sends it. Each fact has its source beside it; where a
// source leaves something open, the fixture does what the others of its kind do.

/** One request of a client on its way to the authorization server. */
export interface Probe {
  readonly at: 'resource' | 'issuer'
  readonly method: 'GET' | 'POST'
  /** `{path}` is the path of the resource. */
  readonly path: string
  /**
   * `challenge`: a 401 that says where to look; `document`: it has to be there; `maybe`: the client goes on without it,
   * and does not take one that names another issuer.
   */
  readonly finds: 'challenge' | 'document' | 'maybe'
}

export type Identity =
  | { readonly kind: 'registered'; readonly body: (grantsOffered: readonly string[]) => object }
  /** A client id metadata document; `path` is where its host has it. */
  | { readonly kind: 'document'; readonly path: string; readonly metadata: object }
  /** Its id, and perhaps a secret, are typed in by the person; the operator has them in AUTH_CLIENTS_FILE. */
  | { readonly kind: 'static'; readonly metadata: { readonly client_id: string; readonly client_secret?: string } }

export interface ClientFixture {
  readonly name: string
  readonly sources: readonly string[]
  readonly userAgent: string
  /** In the order in which they are sent, up to the first of each document that is found. */
  readonly probes: readonly Probe[]
  readonly identity: Identity
  /** As it is sent, port included. */
  readonly redirectUri: string
  /** `challenge`: what the 401 named. */
  readonly scope: 'challenge' | (string & {}) | undefined
  /** Goes along to /authorize, where no server has to know of it without `openid`. */
  readonly prompt?: 'consent'
  /** Names at each refresh the scope it asked for at first. */
  readonly scopeAtRefresh?: true
  /** Where `resource` goes along, and how it is spelled for the address that the person typed. */
  readonly resource: {
    readonly on: readonly ('authorize' | 'token' | 'refresh' | 'device')[]
    readonly spelled?: (address: string) => string
  }
  /** What it says of itself in MCP's initialize. */
  readonly clientInfo: { readonly name: string; readonly version: string }
  readonly protocolVersion: '2025-06-18' | '2025-11-25'
  /** Falls back to RFC 8628 where a browser cannot return to it. */
  readonly deviceFallback?: true
}

const challenge: Probe = { at: 'resource', method: 'POST', path: '{path}', finds: 'challenge' }
const resourceMetadata: Probe = {
  at: 'resource',
  method: 'GET',
  path: '/.well-known/oauth-protected-resource{path}',
  finds: 'document',
}
const rootResourceMetadata: Probe = { ...resourceMetadata, path: '/.well-known/oauth-protected-resource' }
const serverMetadata: Probe = {
  at: 'issuer',
  method: 'GET',
  path: '/.well-known/oauth-authorization-server',
  finds: 'document',
}
const openIdMetadata: Probe = { ...serverMetadata, path: '/.well-known/openid-configuration' }

/** The order of MCP 2025-11-25: the challenge leads to RFC 9728, and that to RFC 8414. */
export const usualProbes: readonly Probe[] = [challenge, resourceMetadata, serverMetadata]

export const probes = { challenge, resourceMetadata, rootResourceMetadata, serverMetadata, openIdMetadata }
