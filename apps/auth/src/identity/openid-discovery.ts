// What a provider publishes of itself, fetched when somebody first signs in there and again every hour. A provider that is
// away when we start is no fault of ours: the next sign-in asks again.
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
} from 'openid-client'
import { readBounded } from './bounded-body.ts'
import { LoginFailedError } from './identity.ts'
import { loginFailure } from './openid-failure.ts'
import type { OpenIdProvider } from './openid-provider.ts'

const MAX_AGE_MS = 3_600_000
/** For each request, in seconds. */
const TIMEOUT = 5

/** Throws {@link LoginFailedError}. Whoever asks while an answer is on its way gets that one. */
export type Discover = () => Promise<Configuration>

export function createDiscovery(provider: OpenIdProvider, now: () => number): Discover {
  let known: { readonly configuration: Promise<Configuration>; readonly at: number } | undefined
  return () => {
    if (known && now() - known.at < MAX_AGE_MS) return known.configuration
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
    timeout: TIMEOUT,
    [customFetch]: boundedFetch,
    // the signature of an ID token is verified, even though it comes over a connection that is
    execute: [enableNonRepudiationChecks, ...(issuer.startsWith('http:') ? [allowInsecureRequests] : [])],
  }).catch((error) => {
    throw isOtherIssuer(error) ? notTheIssuer(label, issuer) : loginFailure(label, 'discovery', error)
  })
  // the library compares URLs; ID tokens and answers are compared byte for byte, so this must be as well
  if (found.serverMetadata().issuer !== issuer) throw notTheIssuer(label, issuer)
  return found
}

/** With the secret in the body where the provider takes it there: in the header, many decode it in their own way. */
function authenticate(clientSecret: string): ReturnType<typeof ClientSecretPost> {
  const [post, basic] = [ClientSecretPost(clientSecret), ClientSecretBasic(clientSecret)]
  return (server, ...rest) => {
    const { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] } = server
    return (methods.includes('client_secret_post') ? post : basic)(server, ...rest)
  }
}

function isOtherIssuer(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'
}

function notTheIssuer(label: string, issuer: string): LoginFailedError {
  return new LoginFailedError('misconfigured', `${label}, discovery: ${issuer} says that its issuer is another one`)
}

const boundedFetch: CustomFetch = async (url, options) => {
  const response = await fetch(url, options as RequestInit)
  const { status, statusText, headers } = response
  const body = await readBounded(response)
  return new Response(body === '' ? null : body, { status, statusText, headers })
}
