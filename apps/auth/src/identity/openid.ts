// Sign-in through Google or any other OpenID provider: authorization code with PKCE, nonce, and an ID token that is
// verified in full, its signature included. What the provider publishes of itself is openid-discovery.ts, what it says of
// a person openid-person.ts.
//
// No token of the provider is kept, so nothing can be asked again later: at a redemption the rules are judged by what the
// provider said at the sign-in. Somebody who left is out when the consent ends (AUTH_LIFETIMES grant) or an operator
// changes the rules, not before.
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
} from 'openid-client'
import type { FactNeeds } from '../accounts/fact-needs.ts'
import { LoginFailedError, type LoginFailure, type RedirectLogin } from './identity.ts'
import { createDiscovery } from './openid-discovery.ts'
import { loginFailure } from './openid-failure.ts'
import { type Claims, personOf } from './openid-person.ts'
import type { OpenIdProvider } from './openid-provider.ts'

export interface OpenIdLoginOptions {
  readonly provider: OpenIdProvider
  readonly needs: FactNeeds
  readonly now: () => number
}

export function createOpenIdLogin({ provider, needs, now }: OpenIdLoginOptions): RedirectLogin {
  const { id, label, subjectPrefix, emails, prompt } = provider
  const discover = createDiscovery(provider, now)
  const groups = () => needs.providerGroups(subjectPrefix)

  return {
    kind: 'redirect',
    id,
    label,

    async begin({ state, redirectUri }) {
      const [verifier, nonce] = [randomPKCECodeVerifier(), randomNonce()]
      try {
        const configuration = await discover()
        const url = buildAuthorizationUrl(configuration, {
          redirect_uri: redirectUri,
          scope: scopeFor(configuration, { email: needs.email(), groups: groups().length > 0 }),
          state,
          nonce,
          code_challenge: await calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          ...(prompt && { prompt }),
        })
        return { url: url.href, memory: { verifier, nonce } }
      } catch (error) {
        // straight to where the person can be told, and where they can try again
        const { failure, message } = loginFailure(label, 'discovery', error)
        return { url: `${redirectUri}?${new URLSearchParams({ state })}`, memory: { failure, message } }
      }
    },

    async finish({ answer, memory, redirectUri }) {
      const { failure, message = '' } = memory
      if (failure) throw new LoginFailedError(failure as LoginFailure, message)
      const configuration = await discover()
      const { claims, accessToken } = await redeem(provider, configuration, {
        url: callbackUrl(redirectUri, answer),
        verifier: memory.verifier ?? '',
        nonce: memory.nonce ?? '',
      })
      const isSilent = claims.email == null || (claims.email_verified == null && emails === 'verified')
      const lacks = { email: needs.email() && isSilent, groups: groups().length > 0 && claims.groups == null }
      const more = await askUserinfo(provider, configuration, { claims, accessToken, lacks })
      const person = personOf({ ...claims, ...more }, { ...provider, groups: groups(), now: now() })
      if (!person) throw new LoginFailedError('unavailable', `${label}, token: a sub that is none`)
      return person
    },
  }
}

/**
 * `profile` only where there is no address to call somebody by; `groups` only from a provider that has such a scope: the others
 * put the claim into the token because their operator says so.
 */
function scopeFor(configuration: Configuration, needed: { readonly email: boolean; readonly groups: boolean }): string {
  const { scopes_supported: offered = ['email'] } = configuration.serverMetadata()
  const person = needed.email || offered.includes('email') ? 'email' : offered.includes('profile') ? 'profile' : ''
  return ['openid', person, needed.groups && offered.includes('groups') ? 'groups' : ''].filter(Boolean).join(' ')
}

/** What the browser came back with, as the library takes it. A parameter that came twice is as good as none. */
function callbackUrl(redirectUri: string, answer: Readonly<Record<string, unknown>>): URL {
  const url = new URL(redirectUri)
  for (const [name, value] of Object.entries(answer)) if (typeof value === 'string') url.searchParams.set(name, value)
  return url
}

interface Redemption {
  readonly url: URL
  readonly verifier: string
  readonly nonce: string
}
interface Redeemed {
  readonly claims: Claims & { readonly sub: string }
  readonly accessToken: string
}

/** Checks `iss` of the answer (RFC 9207), redeems the code and verifies the ID token (OpenID Connect Core §3.1.3.7). */
async function redeem(
  { label, clientId }: OpenIdProvider,
  configuration: Configuration,
  { url, verifier, nonce }: Redemption,
): Promise<Redeemed> {
  const tokens = await authorizationCodeGrant(configuration, url, {
    pkceCodeVerifier: verifier,
    expectedNonce: nonce,
    idTokenExpected: true,
  }).catch((error) => {
    throw loginFailure(label, 'token', error)
  })
  const claims = tokens.claims()
  // the library looks at azp only where there are several audiences
  if (!claims || (claims.azp ?? clientId) !== clientId)
    throw new LoginFailedError('unavailable', `${label}, token: an ID token for somebody else`)
  return { claims, accessToken: tokens.access_token }
}

/**
 * What the ID token does not say. The address and whether it is verified come from one source: neither is ever combined with the
 * other's of the ID token.
 */
async function askUserinfo(
  { label }: OpenIdProvider,
  configuration: Configuration,
  { claims, accessToken, lacks }: Redeemed & { readonly lacks: { readonly email: boolean; readonly groups: boolean } },
): Promise<Claims> {
  if (!(lacks.email || lacks.groups) || !configuration.serverMetadata().userinfo_endpoint) return {}
  const { email, email_verified, groups } = await fetchUserInfo(configuration, accessToken, claims.sub).catch(
    (error) => {
      throw loginFailure(label, 'userinfo', error)
    },
  )
  return {
    ...(lacks.email && !(email == null && email_verified == null) && { email, email_verified }),
    ...(lacks.groups && groups != null && { groups }),
  }
}
