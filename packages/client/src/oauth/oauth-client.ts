// The one place that sets up openid-client and turns its answers and errors into ours.

import { ClientError, type Fetch } from '@gatehouse/network'
import type { AuthorizationServerMetadata } from '@gatehouse/shared'
import * as openid from 'openid-client'
import type { Clock } from '../clock.ts'
import type { GivenIdentity } from '../registration/registration.ts'
import { createTidyFetch } from './tidy-answers.ts'

export interface OauthClientOptions {
  readonly metadata: AuthorizationServerMetadata
  readonly identity: GivenIdentity
  /** A guarded fetch: it is what decides about http, time-outs and private addresses. */
  readonly fetch: Fetch
}

/** An openid-client configuration for one client at one authorization server. Does no I/O. */
export function createOauthClient({ metadata, identity, fetch }: OauthClientOptions): openid.Configuration {
  const server = metadata as openid.ServerMetadata
  const client = new openid.Configuration(server, identity.clientId, undefined, authentication(metadata, identity))
  client[openid.customFetch] = createTidyFetch(fetch) as openid.CustomFetch
  openid.allowInsecureRequests(client) // http only to loopback: the guarded fetch sees to it
  return client
}

/** As registered, else what the service takes; where it lists nothing that is `client_secret_basic` (RFC 8414 §2). */
function authentication(
  { token_endpoint_auth_methods_supported: listed = ['client_secret_basic'] }: AuthorizationServerMetadata,
  { clientSecret: secret, privateKey, tokenEndpointAuthMethod: registered }: GivenIdentity,
): openid.ClientAuth {
  const methods = registered === undefined ? listed : [registered]
  if (privateKey) return openid.PrivateKeyJwt(privateKey)
  if (secret === undefined) return openid.None()
  if (methods.includes('client_secret_basic')) return clientSecretBasic(secret)
  return methods.includes('client_secret_post') || !methods.includes('none')
    ? openid.ClientSecretPost(secret)
    : openid.None()
}

/**
 * RFC 6749 §2.3.1: both parts are form-encoded. Only what has to be is, unlike in openid-client, which encodes `-` and `_`
 * too: servers that do not decode then know neither the id nor the secret.
 */
function clientSecretBasic(secret: string): openid.ClientAuth {
  return (_server, client, _body, headers) => {
    const encoded = [client.client_id, secret].map((part) => new URLSearchParams({ '': part }).toString().slice(1))
    headers.set('authorization', `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`)
  }
}

const longestLife = 10 * 365 * 24 * 3600

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
    expiresAt: response.expires_in === undefined ? undefined : now + Math.min(response.expires_in, longestLife),
  }
}
