// What openid-client throws, as our LoginFailedError. The message is for the log: made of codes and of the library's
// own words, never of what the browser sent, and of what the provider sent only issuers and algorithms, which are settings.
import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client'
import { LoginFailedError, type LoginFailure } from './identity.ts'

/** RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6, and Google's own. Anything else may pass: `unavailable`. */
const meanings: Readonly<Record<string, LoginFailure>> = {
  access_denied: 'refused',
  account_selection_required: 'refused',
  consent_required: 'refused',
  interaction_required: 'refused',
  login_required: 'refused',
  invalid_client: 'misconfigured',
  invalid_request: 'misconfigured',
  invalid_scope: 'misconfigured',
  redirect_uri_mismatch: 'misconfigured',
  unauthorized_client: 'misconfigured',
  unsupported_grant_type: 'misconfigured',
  unsupported_response_type: 'misconfigured',
}

/** Where it failed. */
export type OpenIdStep = 'discovery' | 'token' | 'renewal' | 'userinfo'

/** `who` is the provider's label. */
export function loginFailure(who: string, step: OpenIdStep, error: unknown): LoginFailedError {
  if (error instanceof LoginFailedError) return error
  const fail = (failure: LoginFailure, why: string) => new LoginFailedError(failure, `${who}, ${step}: ${why}`)
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    const word = /^[a-z_]{1,64}$/.test(error.error) ? error.error : 'an unknown error'
    // RFC 6749 §5.2: of a code it says that another may do, of a refresh token that the person's consent is over
    if (step === 'renewal' && word === 'invalid_grant') return fail('refused', word)
    return fail(Object.hasOwn(meanings, word) ? (meanings[word] as LoginFailure) : 'unavailable', word)
  }
  if (error instanceof WWWAuthenticateChallengeError) {
    // what we show the token endpoint is our secret; what we show elsewhere, it gave us a moment ago
    return fail(step !== 'userinfo' && error.status === 401 ? 'misconfigured' : 'unavailable', `HTTP ${error.status}`)
  }
  if (error instanceof ClientError) {
    const { cause, message } = error
    const difference = cause instanceof Error ? settingThatDiffers(cause) : undefined
    if (difference !== undefined) return fail('misconfigured', difference)
    if (cause instanceof Response)
      return fail(cause.status === 404 ? 'misconfigured' : 'unavailable', `HTTP ${cause.status}, ${message}`)
    return fail('unavailable', cause instanceof Error ? `${message}: ${cause.message}` : message)
  }
  return fail('unavailable', `no answer${systemCode(error)}`)
}

/** What is wrong with an ID token that every other one will have as well, until an operator changes a setting. */
function settingThatDiffers({ message, cause: details }: Error): string | undefined {
  const { alg, header, claim, claims, expected } = (details ?? {}) as {
    readonly alg?: unknown
    readonly header?: { readonly alg?: unknown }
    readonly claim?: unknown
    readonly claims?: { readonly iss?: unknown }
    readonly expected?: unknown
  }
  if (claim === 'iss') return `${message}: ${quoted(claims?.iss)}, expected ${quoted(expected)}`
  if (alg !== undefined) return `${message}: ${quoted(alg)}`
  return message.includes('"alg"') ? `${message}: ${quoted(header?.alg)}, expected ${quoted(expected)}` : undefined
}

/** A value of somebody else's, for a line of the log. */
export function quoted(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 256)
}

/** Such as ECONNREFUSED, or what is wrong with a certificate. */
function systemCode(error: unknown): string {
  const code = error instanceof Error ? (error.cause as { code?: unknown } | undefined)?.code : undefined
  return typeof code === 'string' ? ` (${code})` : ''
}
