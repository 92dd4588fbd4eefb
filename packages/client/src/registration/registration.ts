// Who this client is to an authorization server: an identity somebody gave us, or one we get by RFC 7591.
import type { webcrypto } from 'node:crypto'
import { ClientError, errorBodyLine, type Fetch, readJson } from '@gatehouse/network'
import { type AuthorizationServerMetadata, deviceCodeGrant } from '@gatehouse/shared'
import { z } from 'zod'

/** A client identity that somebody registered with the authorization server and handed to us. */
export interface GivenIdentity {
  readonly clientId: string
  readonly clientSecret?: string | undefined
  /** Instead of a secret: the key that signs the client's assertions (RFC 7523, `private_key_jwt`). */
  readonly privateKey?: webcrypto.CryptoKey | undefined
  /** How the client authenticates at the token endpoint; absent: as the service prefers. */
  readonly tokenEndpointAuthMethod?: string | undefined
}

/** Whether the client can prove who it is, and so can sign in without a person. */
export function hasCredential(identity: GivenIdentity | undefined): boolean {
  return identity?.clientSecret !== undefined || identity?.privateKey !== undefined
}

/** What we keep of our own registration, one for each issuer. */
export const registration = z.object({
  clientId: z.string().min(1).max(512),
  /** Only where the server gives one: where it can, we ask for `none`. */
  clientSecret: z.string().optional(),
  /** As registered; absent: the server did not say. */
  tokenEndpointAuthMethod: z.string().optional(),
})

export type Registration = z.infer<typeof registration>

const answer = z.object({
  /** Some servers number their clients. */
  client_id: z.union([z.string(), z.number()]).transform(String).pipe(z.string().max(512)),
  client_secret: z.string().optional(),
  token_endpoint_auth_method: z.string().optional(),
})

/** What we can do at a token endpoint, the best first: a program on somebody's computer keeps no secret well. */
const authMethods = ['none', 'client_secret_basic', 'client_secret_post']

const wantedGrants = [deviceCodeGrant, 'refresh_token', 'authorization_code']

/** Registers this program (RFC 7591) as a native client, public where that is offered. The same request always, so that servers can recognise it. */
export async function register(metadata: AuthorizationServerMetadata, fetch: Fetch): Promise<Registration> {
  const endpoint = metadata.registration_endpoint
  if (endpoint === undefined) {
    throw new ClientError('client_id_needed', `${metadata.issuer} does not register apps by itself.`, {
      hint: 'Ask its operator for a client id and give it with --client-id (or GATEHOUSE_CLIENT_ID).',
    })
  }
  const { grant_types_supported: grants, token_endpoint_auth_methods_supported: methods } = metadata
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({
      client_name: 'Command line client',
      application_type: 'native',
      token_endpoint_auth_method: authMethods.find((method) => methods?.includes(method)) ?? 'none',
      grant_types: grants ? wantedGrants.filter((grant) => grants.includes(grant)) : wantedGrants,
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
    }),
  })
  const body = await response.text()
  const parsed = answer.safeParse(readJson(body))
  if (response.ok && parsed.success) {
    const { client_id: clientId, client_secret: clientSecret, token_endpoint_auth_method } = parsed.data
    return { clientId, clientSecret, tokenEndpointAuthMethod: token_endpoint_auth_method }
  }
  throw new ClientError('request_refused', `${metadata.issuer} did not register this app.`, {
    reason: `It answered ${response.status}: ${errorBodyLine(body)}.`,
    hint: 'Ask its operator for a client id and give it with --client-id (or GATEHOUSE_CLIENT_ID).',
  })
}
