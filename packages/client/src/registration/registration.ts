// Who this client is to an authorization server: an identity somebody gave us, or one we get by RFC 7591.
import type { AuthorizationServerMetadata } from '@gatehouse/shared'
import { z } from 'zod'
import { ClientError } from '../errors.ts'
import { errorBodyLine } from '../network/error-body.ts'
import type { Fetch } from '../network/guarded-fetch.ts'

/** A client identity that somebody registered with the authorization server and handed to us. */
export interface GivenIdentity {
  readonly clientId: string
  readonly clientSecret?: string | undefined
}

/** What we keep of our own registration, one for each issuer. */
export const registration = z.object({
  clientId: z.string().min(1).max(512),
  /** Only where the server insists on one although we ask for `none`. */
  clientSecret: z.string().optional(),
})

export type Registration = z.infer<typeof registration>

const answer = z.object({ client_id: z.string().min(1).max(512), client_secret: z.string().optional() })

const wantedGrants = ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token', 'authorization_code']

/** Registers this program (RFC 7591) as a public native client. The same request always, so that servers can recognise it. */
export async function register(metadata: AuthorizationServerMetadata, fetch: Fetch): Promise<Registration> {
  const endpoint = metadata.registration_endpoint
  if (endpoint === undefined) {
    throw new ClientError('client_id_needed', `${metadata.issuer} does not register apps by itself.`, {
      hint: 'Ask its operator for a client id and give it with --client-id (or GATEHOUSE_CLIENT_ID).',
    })
  }
  const supported = metadata.grant_types_supported
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({
      client_name: 'Command line client',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: supported ? wantedGrants.filter((grant) => supported.includes(grant)) : wantedGrants,
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
    }),
  })
  const body = await response.text()
  const parsed = answer.safeParse(parseJson(body))
  if (response.ok && parsed.success) {
    return { clientId: parsed.data.client_id, clientSecret: parsed.data.client_secret }
  }
  throw new ClientError('request_refused', `${metadata.issuer} did not register this app.`, {
    reason: `It answered ${response.status}: ${errorBodyLine(body)}.`,
    hint: 'Ask its operator for a client id and give it with --client-id (or GATEHOUSE_CLIENT_ID).',
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
