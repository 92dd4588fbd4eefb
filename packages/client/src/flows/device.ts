// The device flow (RFC 8628): a code here, an approval on any other device.
//
// This folder has the ways to sign in: this one, and browser.ts. What is asked over HTTP is in ../oauth, and kept by ../session.

import { ClientError, cleanLine, isSafeUrl, safeUrl } from '@gatehouse/network'
import { deviceCodeGrant } from '@gatehouse/shared'
import * as openid from 'openid-client'
import type { Clock } from '../clock.ts'
import { type Grant, readGrant } from '../oauth/oauth-client.ts'
import { grantError } from '../oauth/refusal.ts'
import { boundedLife, createPace } from './pace.ts'
import type { SignInPrompts } from './prompts.ts'

export interface FlowOptions {
  readonly oauth: openid.Configuration
  /** RFC 8707: sent with every request. */
  readonly resource: string
  readonly scope: string | undefined
  readonly clock: Clock
  readonly prompts: SignInPrompts
  /** Seconds to wait for the person; absent: as long as the server does. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Signs in by device code. Throws `access_denied`, `expired`, `timed_out`, or what the request met. */
export async function signInWithDevice(options: FlowOptions): Promise<Grant> {
  const { oauth, resource, scope, clock, prompts, timeout = Number.POSITIVE_INFINITY } = options
  if (oauth.serverMetadata().device_authorization_endpoint === undefined) {
    throw new ClientError('metadata_missing', 'This sign-in service has no sign-in for devices.', {
      reason: 'Its metadata names no device_authorization_endpoint (RFC 8628).',
      hint: 'Sign in through a browser on this computer:',
      command: 'login --browser',
    })
  }
  const parameters = { resource, ...(scope !== undefined && { scope }) }
  const started = await openid.initiateDeviceAuthorization(oauth, parameters).catch(async (thrown: unknown) => {
    throw await grantError(thrown)
  })
  const life = boundedLife(started.expires_in)
  const givesUpAt = clock.now() + Math.min(life, timeout)
  prompts.device({
    uri: verificationUri(started.verification_uri),
    uriWithCode: optionalVerificationUri(started.verification_uri_complete),
    code: cleanLine(started.user_code, 40),
    expiresAt: givesUpAt,
  })
  try {
    return await poll(options, started, givesUpAt, timeout < life)
  } finally {
    prompts.settled()
  }
}

async function poll(
  { oauth, resource, scope, clock, prompts, signal }: FlowOptions,
  started: openid.DeviceAuthorizationResponse,
  givesUpAt: number,
  impatient: boolean,
): Promise<Grant> {
  const pace = createPace(started.interval)
  for (;;) {
    await clock.sleep(Math.max(0, Math.min(pace.delay(), givesUpAt - clock.now())), signal)
    if (clock.now() >= givesUpAt) throw impatient ? timedOut() : expired()
    try {
      const response = await openid.genericGrantRequest(oauth, deviceCodeGrant, {
        device_code: started.device_code,
        resource,
      })
      return readGrant(response, clock, scope)
    } catch (thrown) {
      signal?.throwIfAborted()
      const error = await grantError(thrown)
      if (error.oauthError === 'authorization_pending') pace.answered()
      else if (error.oauthError === 'slow_down') pace.slowDown()
      else if (error.oauthError === 'expired_token' || error.oauthError === 'invalid_grant') throw expired(error)
      else if (error.code === 'unreachable') {
        pace.failed(error.retryAfter)
        prompts.trouble(`${error.message} ${error.reason ?? ''}`.trim(), pace.delay())
      } else throw error
    }
  }
}

/** An address that goes to a person's browser is https, or http on this computer. */
function verificationUri(uri: string): string {
  return safeUrl(uri, 'verification_uri').href
}

/** The convenience address is only offered when it is as safe as the plain one; without it there is the code to type. */
function optionalVerificationUri(uri: string | undefined): string | undefined {
  return uri !== undefined && isSafeUrl(uri) ? verificationUri(uri) : undefined
}

function expired(cause?: ClientError): ClientError {
  return new ClientError('expired', 'The code is no longer valid.', {
    reason: cause?.oauthError === 'invalid_grant' ? cause.reason : 'Nobody approved the sign-in in time.',
    hint: 'Start again:',
    command: 'login',
  })
}

function timedOut(): ClientError {
  return new ClientError('timed_out', 'Nobody approved the sign-in within the time you gave.', {
    hint: 'Start again, with a longer --timeout:',
    command: 'login',
  })
}
