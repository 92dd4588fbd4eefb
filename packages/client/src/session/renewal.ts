import { ClientError, type Fetch } from '@gatehouse/network'
import { refreshTokenGrant, type TokenEndpointResponse } from 'openid-client'
import type { Clock } from '../clock.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { signInWithSecret } from '../flows/machine.ts'
import { createOauthClient, readGrant } from '../oauth/oauth-client.ts'
import { grantError } from '../oauth/refusal.ts'
import { identityFor, type KnownIdentities } from '../registration/identity.ts'
import { hasCredential } from '../registration/registration.ts'
import type { Session } from './session.ts'

export interface RenewalOptions {
  /** What is known of the server, asked again when that is old. */
  readonly discovery: () => Promise<Discovery>
  readonly identities: KnownIdentities
  readonly fetch: Fetch
  readonly clock: Clock
}

/**
 * How a session gets its successor: with its refresh token (RFC 6749 §6) or, for a machine, with the secret again.
 * The returned function throws `signed_out` when the session is over; the caller holds the session's lock.
 */
export function createRenewal({ discovery, identities, fetch, clock }: RenewalOptions) {
  return async function renew(session: Session): Promise<Session> {
    const { metadata, issuer } = await discovery()
    if (issuer !== session.issuer) throw signedOut('The server now uses another sign-in service.')
    const identity = await identityFor(session, identities)
    const oauth = createOauthClient({ metadata, identity, fetch })
    const { resource, scope } = session
    if (session.flow === 'machine') {
      if (!hasCredential(identity)) throw secretMissing()
      return { ...session, ...(await signInWithSecret({ oauth, resource, scope: scope || undefined, clock })) }
    }
    if (session.refreshToken === undefined) throw signedOut('It has ended, and the server gave no way to renew it.')
    try {
      return succeed(session, await refreshTokenGrant(oauth, session.refreshToken, { resource }), clock)
    } catch (thrown) {
      const error = await grantError(thrown)
      const forgotten = error.oauthError === 'invalid_client' && (await forget(session))
      throw forgotten || error.oauthError === 'invalid_grant' ? signedOut(error.reason, error) : error
    }
  }

  /** Drops our registration if it is the session's: a server that forgot the client has forgotten its tokens too. */
  async function forget({ issuer, clientId }: Session): Promise<boolean> {
    const registered = await identities.registrations.read(issuer)
    if (registered?.clientId !== clientId) return false
    await identities.registrations.remove(issuer)
    return true
  }
}

/** RFC 6749 §6: a server that issues no new refresh token leaves the old one valid. */
function succeed(session: Session, response: TokenEndpointResponse, clock: Clock): Session {
  const grant = readGrant(response, clock, session.scope)
  return { ...session, ...grant, refreshToken: grant.refreshToken ?? session.refreshToken }
}

function signedOut(reason: string | undefined, cause?: ClientError): ClientError {
  return new ClientError('signed_out', 'The server does not accept this sign-in any more.', {
    reason: cause ? `${reason} Somebody may have revoked it, or it was idle for too long.` : reason,
    hint: 'Sign in again:',
    command: 'login',
    oauthError: cause?.oauthError,
    cause,
  })
}

function secretMissing(): ClientError {
  return new ClientError('secret_needed', 'This is a machine’s sign-in, and its secret is not here.', {
    hint: 'Set GATEHOUSE_CLIENT_SECRET (or GATEHOUSE_CLIENT_SECRET_FILE), or sign in as a person:',
    command: 'login --device',
  })
}
