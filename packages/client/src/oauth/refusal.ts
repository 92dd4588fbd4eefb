// The error answers of an authorization server (RFC 6749 §5.2, RFC 8628 §3.5), and what they mean to a person.

import { ClientError, cleanLine, findClientError } from '@gatehouse/network'
import * as openid from 'openid-client'

/** An OAuth error answer. Texts are the server's, cleaned and cut. */
interface Refusal {
  readonly error: string
  readonly description?: string | undefined
}

/** The OAuth error in what openid-client threw, if it is one. */
async function readRefusal(thrown: unknown): Promise<Refusal | undefined> {
  if (thrown instanceof openid.ResponseBodyError || thrown instanceof openid.AuthorizationResponseError) {
    return refusal(thrown.error, thrown.error_description)
  }
  if (thrown instanceof openid.WWWAuthenticateChallengeError) {
    // A 401 with a challenge: openid-client looks no further, but RFC 6749 §5.2 puts the error in the body.
    const body = (await thrown.response.json().catch(() => ({}))) as Record<string, unknown>
    return refusal(typeof body.error === 'string' ? body.error : 'invalid_client', body.error_description)
  }
  return undefined
}

function refusal(error: string, description: unknown): Refusal {
  return {
    error: cleanLine(error, 60),
    description: typeof description === 'string' ? cleanLine(description, 200) || undefined : undefined,
  }
}

/** The refusal in one line: `invalid_grant: the refresh token was revoked`. */
function refusalLine({ error, description }: Refusal): string {
  return description === undefined ? error : `${error}: ${description}`
}

/**
 * Anything a request to the authorization server threw, as an error of ours. Where the server answered with an OAuth
 * error, its code is in `oauthError`.
 */
export async function grantError(thrown: unknown): Promise<ClientError> {
  const known = findClientError(thrown)
  if (known) return known
  const refused = await readRefusal(thrown)
  if (refused) return refusalError(refused)
  return new ClientError('protocol_error', 'The sign-in service gave an answer this app does not understand.', {
    reason: messages(thrown),
    hint: 'Try again; if it stays, this is for the people who run the service to repair.',
    cause: thrown,
  })
}

function refusalError(refused: Refusal): ClientError {
  const oauthError = refused.error
  if (oauthError === 'access_denied') {
    return new ClientError('access_denied', 'The sign-in was refused; nothing was shared.', {
      reason: refused.description === undefined ? undefined : `${refusalLine(refused)}.`,
      hint: 'If that was a mistake, start again:',
      command: 'login',
      oauthError,
    })
  }
  const unknownClient = oauthError === 'invalid_client'
  return new ClientError(
    'request_refused',
    `The sign-in service ${unknownClient ? 'does not accept this app' : 'refused the request'}.`,
    {
      reason: `${refusalLine(refused)}.`,
      hint: unknownClient ? 'Check the client id, and the secret if there is one.' : undefined,
      oauthError,
    },
  )
}

function messages(thrown: unknown): string {
  if (!(thrown instanceof Error)) return cleanLine(String(thrown))
  const inner = thrown.cause instanceof Error ? `: ${thrown.cause.message}` : ''
  return cleanLine(`${thrown.message}${inner}.`)
}
