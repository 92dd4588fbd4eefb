// The sign-in through a browser on this computer: authorization code with PKCE, RFC 6749 §4.1, RFC 7636, RFC 8252.

import { ClientError, safeUrl } from '@gatehouse/network'
import { offlineAccess } from '@gatehouse/shared'
import * as openid from 'openid-client'
import { type Grant, readGrant } from '../oauth/oauth-client.ts'
import { grantError } from '../oauth/refusal.ts'
import type { FlowOptions } from './device.ts'
import { type Callback, listenOnLoopback } from './loopback-listener.ts'
import type { OpenUrl } from './open-url.ts'

const defaultTimeout = 5 * 60

/** Signs in through the browser. `state` and, where the server sends or promises it, `iss` (RFC 9207) are checked. */
export async function signInWithBrowser(options: FlowOptions & { readonly openUrl: OpenUrl }): Promise<Grant> {
  const { oauth, resource, scope, clock, prompts, timeout = defaultTimeout, signal } = options
  requireBrowserSignIn(oauth.serverMetadata())
  await using listener = await listenOnLoopback()
  const state = openid.randomState()
  const pkceCodeVerifier = openid.randomPKCECodeVerifier()
  const url = openid.buildAuthorizationUrl(oauth, {
    redirect_uri: listener.redirectUri,
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state,
    resource,
    ...(scope !== undefined && { scope }),
    ...(scope?.split(' ').includes(offlineAccess) && { prompt: 'consent' }), // OpenID Connect Core §11
  })
  const callback = listener.callback(state)
  const stop = new AbortController()
  try {
    prompts.browser({ url: safeUrl(url.href, 'authorization_endpoint').href, expiresAt: clock.now() + timeout })
    options.openUrl(url.href)
    const waiting = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])])
    const answer = await Promise.race([callback, clock.sleep(timeout, waiting).then(() => undefined)])
    if (!answer) throw timedOut()
    const response = await redeem(oauth, answer, { expectedState: state, pkceCodeVerifier }, resource)
    return readGrant(response, clock, scope)
  } finally {
    stop.abort()
    prompts.settled()
  }
}

async function redeem(
  oauth: openid.Configuration,
  answer: Callback,
  checks: openid.AuthorizationCodeGrantChecks,
  resource: string,
): Promise<openid.TokenEndpointResponse> {
  try {
    const response = await openid.authorizationCodeGrant(oauth, answer.url, checks, { resource })
    answer.respond('You are signed in', 'You can close this page and go back to your terminal.')
    return response
  } catch (thrown) {
    answer.respond('You are not signed in', 'Your terminal tells you why, and what to do.')
    throw await grantError(thrown)
  }
}

/** MCP: without advertised S256 a client goes no further. */
function requireBrowserSignIn(metadata: openid.ServerMetadata): void {
  const pkce = metadata.code_challenge_methods_supported?.includes('S256') ?? false
  if (metadata.authorization_endpoint !== undefined && pkce) return
  throw new ClientError('metadata_missing', 'This sign-in service has no safe sign-in through a browser.', {
    reason: pkce ? 'Its metadata names no authorization_endpoint.' : 'Its metadata does not offer PKCE with S256.',
    hint: 'Sign in with a code instead:',
    command: 'login --device',
  })
}

function timedOut(): ClientError {
  return new ClientError('timed_out', 'The browser did not come back in time.', {
    reason: 'Nobody finished the sign-in, or the page showed an error.',
    hint: 'Sign in with a code instead:',
    command: 'login --device',
  })
}
