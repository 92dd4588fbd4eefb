// The client's own sign-in (RFC 6749 §4.4): a secret instead of a person.
import * as openid from 'openid-client'
import { type Grant, readGrant } from '../oauth/oauth-client.ts'
import { grantError } from '../oauth/refusal.ts'
import type { FlowOptions } from './device.ts'

/** Signs in with the client's own secret. Throws `request_refused` for a wrong one. */
export async function signInWithSecret(
  options: Pick<FlowOptions, 'oauth' | 'resource' | 'scope' | 'clock'>,
): Promise<Grant> {
  const { oauth, resource, scope, clock } = options
  const parameters = { resource, ...(scope !== undefined && { scope }) }
  const response = await openid.clientCredentialsGrant(oauth, parameters).catch(async (thrown: unknown) => {
    throw await grantError(thrown)
  })
  return readGrant(response, clock, scope)
}
