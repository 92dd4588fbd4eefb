// Devices that are no program of their own: two libraries as their documents have them, and a loop with bare HTTP.
import { setTimeout as sleep } from 'node:timers/promises'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import type { Site, StartedLogin } from './client.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const SCOPE = 'mcp:tools:read mcp:tools:call'
/** Of the client that bounds each of its requests, in milliseconds. */
const TIMEOUT = 5_000
/** RFC 8628 §3.2, §3.5, in seconds. */
const DEFAULT_INTERVAL = 5
const SLOWER = 5

const metadata = (name: string) => ({
  client_name: name,
  grant_types: [DEVICE_GRANT, 'refresh_token'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: 'none',
})

export async function logInWithOpenidClient({ issuer, resource }: Site): Promise<StartedLogin> {
  const stop = new AbortController()
  const config = await openid.dynamicClientRegistration(
    new URL(issuer),
    metadata('openid-client') as Partial<openid.ClientMetadata>,
    openid.None(),
    { algorithm: 'oauth2', execute: [openid.allowInsecureRequests] },
  )
  const answer = await openid.initiateDeviceAuthorization(config, { scope: SCOPE, resource })
  const tokens = openid.pollDeviceAuthorizationGrant(config, answer, { resource }, { signal: stop.signal })
  return started(answer.user_code, tokens, stop)
}

export async function logInWithOauth4webapi({ issuer, resource }: Site): Promise<StartedLogin> {
  const stop = new AbortController()
  const http = { [oauth.allowInsecureRequests]: true, signal: stop.signal }
  const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...http })
  const server = await oauth.processDiscoveryResponse(new URL(issuer), found)
  const registered = await oauth.dynamicClientRegistrationRequest(
    server,
    metadata('oauth4webapi') as Partial<oauth.Client>,
    http,
  )
  const client = await oauth.processDynamicClientRegistrationResponse(registered)
  const asked = await oauth.deviceAuthorizationRequest(server, client, oauth.None(), { scope: SCOPE, resource }, http)
  const answer = await oauth.processDeviceAuthorizationResponse(server, client, asked)
  const ask = async () => {
    const options = { additionalParameters: { resource }, ...http }
    const response = await oauth.deviceCodeGrantRequest(server, client, oauth.None(), answer.device_code, options)
    try {
      await oauth.processDeviceCodeResponse(server, client, response)
      return undefined
    } catch (error) {
      if (error instanceof oauth.ResponseBodyError) return error.error
      throw error
    }
  }
  return started(answer.user_code, poll(answer.interval, ask, stop.signal), stop)
}

/** Its requests end after five seconds, as with `timeout=5` of Python's urllib. */
export async function logInPlainly({ issuer, resource }: Site): Promise<StartedLogin> {
  const stop = new AbortController()
  const ask = async <T>(path: string, init: RequestInit = {}) => {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(TIMEOUT)])
    const response = await fetch(`${issuer}${path}`, { ...init, signal })
    return (await response.json()) as T & { readonly error?: string }
  }
  const post = <T>(path: string, fields: Record<string, string>) =>
    ask<T>(path, { method: 'POST', body: new URLSearchParams(fields) })
  const { client_id } = await ask<{ client_id: string }>('/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(metadata('Five seconds')),
  })
  const answer = await post<{ device_code: string; user_code: string; interval?: number }>('/device_authorization', {
    ...{ client_id, scope: SCOPE, resource },
  })
  const fields = { grant_type: DEVICE_GRANT, client_id, device_code: answer.device_code, resource }
  const again = async () => {
    try {
      return (await post('/token', fields)).error
    } catch (error) {
      if (error instanceof DOMException && error.name === 'TimeoutError') return 'authorization_pending'
      throw error
    }
  }
  return started(answer.user_code, poll(answer.interval, again, stop.signal), stop)
}

/** RFC 8628 §3.5. `ask` resolves with the error of the answer; with nothing when there are tokens. */
async function poll(
  interval = DEFAULT_INTERVAL,
  ask: () => Promise<string | undefined>,
  signal: AbortSignal,
): Promise<void> {
  let pause = interval
  for (;;) {
    await sleep(pause * 1000, undefined, { signal })
    const error = await ask()
    if (error === undefined) return
    if (error === 'slow_down') pause += SLOWER
    else if (error !== 'authorization_pending') throw new Error(`it was refused: ${error}`)
  }
}

function started(userCode: string, tokens: Promise<unknown>, stop: AbortController): StartedLogin {
  const ended = tokens.then(() => undefined)
  ended.catch(() => undefined) // told to those who wait for it, if anybody still does
  return {
    asks: { userCode },
    ended,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await ended.catch(() => undefined)
    },
  }
}
