// The one place that sets up openid-client and turns its answers and errors into ours.
import type { AuthorizationServerMetadata } from '@gatehouse/shared'
import * as openid from 'openid-client'
import type { Clock } from '../clock.ts'
import { ClientError } from '../errors.ts'
import type { Fetch } from '../network/guarded-fetch.ts'
import type { GivenIdentity } from '../registration/registration.ts'

export interface OauthClientOptions {
  readonly metadata: AuthorizationServerMetadata
  readonly identity: GivenIdentity
  /** A guarded fetch: it is what decides about http, time-outs and private addresses. */
  readonly fetch: Fetch
}

/** An openid-client configuration for one client at one authorization server. Does no I/O. */
export function createOauthClient({ metadata, identity, fetch }: OauthClientOptions): openid.Configuration {
  const { clientId, clientSecret } = identity
  const server = metadata as openid.ServerMetadata
  const client = new openid.Configuration(server, clientId, undefined, authentication(metadata, clientSecret))
  client[openid.customFetch] = fetch as openid.CustomFetch
  openid.allowInsecureRequests(client) // http only to loopback: the guarded fetch sees to it
  return client
}

/** RFC 8414 §2: where the server does not list methods, `client_secret_basic` is what it takes. */
function authentication(metadata: AuthorizationServerMetadata, secret: string | undefined): openid.ClientAuth {
  if (secret === undefined) return openid.None()
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  return methods.includes('client_secret_basic') ? openid.ClientSecretBasic(secret) : openid.ClientSecretPost(secret)
}

/** What a token endpoint granted. Times are seconds since the epoch. */
export interface Grant {
  readonly accessToken: string
  readonly refreshToken?: string | undefined
  readonly scope: string
  readonly obtainedAt: number
  /** Absent where the server does not say; the token is then used until it is refused. */
  readonly expiresAt?: number | undefined
}

/**
 * RFC 6749 §5.1: a scope the answer does not name is the one that was asked for.
 * The token is opaque to us: its signature, audience and claims are NOT checked, they are the MCP server's business.
 */
export function readGrant(response: openid.TokenEndpointResponse, clock: Clock, asked: string | undefined): Grant {
  if (response.token_type !== 'bearer') {
    throw new ClientError('protocol_error', 'The sign-in service issued a kind of token this app cannot use.', {
      reason: `Its token_type is ${response.token_type}, only Bearer is known here.`,
    })
  }
  const now = clock.now()
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token,
    scope: response.scope ?? asked ?? '',
    obtainedAt: now,
    expiresAt: response.expires_in === undefined ? undefined : now + response.expires_in,
  }
}
