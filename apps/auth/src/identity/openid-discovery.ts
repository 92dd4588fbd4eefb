// What a provider publishes of itself, fetched when somebody first signs in there and again every hour. A provider that is
// away when we start is no fault of ours: the next sign-in asks again.
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretPost,
  type Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
} from 'openid-client'
import { LoginFailedError } from './identity.ts'
import { loginFailure, quoted } from './openid-failure.ts'
import type { OpenIdProvider } from './openid-provider.ts'
import { readUpstreamText } from './upstream-text.ts'

const maxAgeMs = 3_600_000
/** For each request, in seconds. */
const answerWithin = 5
/** Bytes. An ID token may name thousands of groups. */
const answerLimit = 1024 * 1024

/** Throws {@link LoginFailedError}. Anyone who asks while an answer is on its way gets that one. */
export type Discover = () => Promise<Configuration>

export function createDiscovery(provider: OpenIdProvider, now: () => number): Discover {
  let known: { readonly configuration: Promise<Configuration>; readonly at: number } | undefined
  return () => {
    if (known && now() - known.at < maxAgeMs) return known.configuration
    const asked = { configuration: discover(provider), at: now() }
    asked.configuration.catch(() => {
      if (known === asked) known = undefined
    })
    known = asked
    return asked.configuration
  }
}

async function discover({ issuer, clientId, clientSecret, label }: OpenIdProvider): Promise<Configuration> {
  const found = await discovery(new URL(issuer), clientId, undefined, authenticate(clientSecret), {
    timeout: answerWithin,
    [customFetch]: boundedFetch,
    // the signature of an ID token is verified, even though it comes over a connection that is
    execute: [enableNonRepudiationChecks, ...(issuer.startsWith('http:') ? [allowInsecureRequests] : [])],
  }).catch((error) => {
    throw isOtherIssuer(error)
      ? notTheIssuer(label, issuer, error.cause?.body?.issuer)
      : loginFailure(label, 'discovery', error)
  })
  // the library compares URLs; ID tokens and answers are compared byte for byte, so this must be as well
  const { issuer: ownName } = found.serverMetadata()
  if (ownName !== issuer) throw notTheIssuer(label, issuer, ownName)
  return found
}

/**
 * In the header, for which clients are registered unless they ask for something else, and in the body where the provider
 * takes it nowhere else.
 */
function authenticate(clientSecret: string): ClientAuth {
  const post = ClientSecretPost(clientSecret)
  return (server, client, body, headers) => {
    const { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] } = server
    if (!methods.includes('client_secret_basic')) return post(server, client, body, headers)
    const credentials = `${formEncode(client.client_id)}:${formEncode(clientSecret)}`
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
}

/** RFC 6749 §2.3.1. What need not be encoded is not (the library would), because not every provider decodes. */
function formEncode(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+')
}

function isOtherIssuer(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'
}

function notTheIssuer(label: string, issuer: string, found: unknown): LoginFailedError {
  return new LoginFailedError(
    'misconfigured',
    `${label}, discovery: ${issuer} says that its issuer is another one: ${quoted(found)}`,
  )
}

const listeners = new AsyncLocalStorage<(body: string) => void>()

/** `hear` is told of each answer to `work` that is no refusal, before the library judges it. */
export function hearing<T>(hear: (body: string) => void, work: () => Promise<T>): Promise<T> {
  return listeners.run(hear, work)
}

const boundedFetch: CustomFetch = async (url, options) => {
  const response = await fetch(url, options as RequestInit)
  const { status, statusText, headers } = response
  const body = await readUpstreamText(response, answerLimit)
  if (response.ok) listeners.getStore()?.(body)
  return new Response(body === '' ? null : withoutNulls(body, headers), { status, statusText, headers })
}

/** Some providers write `null` for what is not there; the library takes that for a member of the wrong type. */
function withoutNulls(body: string, headers: Headers): string {
  if (!/^application\/([\w.-]+\+)?json\b/i.test(headers.get('content-type') ?? '')) return body
  try {
    return JSON.stringify(JSON.parse(body, (_name, value) => (value === null ? undefined : value)))
  } catch {
    return body // the library says what is wrong with it
  }
}
