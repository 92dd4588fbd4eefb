// Sign-in through Google or any other OpenID provider: authorization code with PKCE, nonce, and an ID token that is
// verified in full, its signature included. What the provider publishes of itself is openid-discovery.ts, what it says of
// a person openid-person.ts.
//
// Where rules or groups are judged by what it says, its refresh token is kept, and it is asked again by that: see
// accounts/renewal.ts. Access tokens and ID tokens of the provider are never kept.
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  fetchUserInfo,
  randomNonce,
  randomPKCECodeVerifier,
  refreshTokenGrant,
  type TokenEndpointResponse,
  type TokenEndpointResponseHelpers,
} from 'openid-client'
import type { FactNeeds, OpenIdNeeds } from '../accounts/fact-needs.ts'
import {
  type FactsRenewal,
  type Identity,
  LoginFailedError,
  type LoginFailure,
  OfflineRefusedError,
  type RedirectLogin,
} from './identity.ts'
import { createDiscovery, hearing } from './openid-discovery.ts'
import { loginFailure } from './openid-failure.ts'
import { type Claims, personOf } from './openid-person.ts'
import type { OpenIdProvider } from './openid-provider.ts'

const offlineScope = 'offline_access'
/** Characters. A longer refresh token is not kept. */
const tokenAtMost = 16_384

export interface OpenIdLoginOptions {
  readonly provider: OpenIdProvider
  readonly needs: FactNeeds
  readonly now: () => number
}

export function createOpenIdLogin({ provider, needs, now }: OpenIdLoginOptions): {
  readonly signIn: RedirectLogin
  readonly renewal: FactsRenewal
} {
  const { id, label, subjectPrefix, prompt, offline = {} } = provider
  const discover = createDiscovery(provider, now)
  const needed = () => needs.ofOpenId(provider)

  const signIn: RedirectLogin = {
    kind: 'redirect',
    id,
    label,

    async begin({ state, redirectUri, online }) {
      const [verifier, nonce] = [randomPKCECodeVerifier(), randomNonce()]
      try {
        const configuration = await discover()
        const asked = { ...needed(), ...(online && { renewed: false }) }
        const scope = scopeFor(configuration, asked)
        const url = buildAuthorizationUrl(configuration, {
          redirect_uri: redirectUri,
          scope,
          state,
          nonce,
          code_challenge: await calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          ...(prompt && { prompt }),
          ...(asked.renewed && offline),
        })
        return { url: url.href, memory: { verifier, nonce, scope } }
      } catch (error) {
        // straight to where the person can be told, and where they can try again
        const { failure, message } = loginFailure(label, 'discovery', error)
        return { url: `${redirectUri}?${new URLSearchParams({ state })}`, memory: { failure, message } }
      }
    },

    async finish({ answer, memory, redirectUri }) {
      const { failure, message = '' } = memory
      if (failure) throw new LoginFailedError(failure as LoginFailure, message)
      // RFC 6749 §4.1.2.1: a provider may have the scope, and our registration there not
      if (answer.error === 'invalid_scope' && memory.scope?.endsWith(offlineScope))
        throw new OfflineRefusedError(`${label}: ${offlineScope} is not allowed to us`)
      const configuration = await discover()
      const tokens = await redeem(provider, configuration, {
        url: callbackUrl(redirectUri, answer),
        verifier: memory.verifier ?? '',
        nonce: memory.nonce ?? '',
      })
      return identify(configuration, tokens, tokens.refreshToken)
    },
  }

  /** `refreshToken` is kept if it is needed. */
  async function identify(
    configuration: Configuration,
    told: Told,
    refreshToken: string | undefined,
  ): Promise<Identity> {
    const { email, groups, hostedDomain, renewed } = needed()
    const { claims } = told
    const isSilent = claims.email == null || (claims.email_verified == null && provider.emails === 'verified')
    const more = await askUserinfo(provider, configuration, told, {
      email: email && isSilent,
      groups: groups.length > 0 && claims.groups == null,
      hostedDomain: hostedDomain && claims.hd == null,
    })
    const upstreamToken = renewed ? refreshToken : undefined
    const person = personOf({ ...claims, ...more }, { ...provider, groups, now: now(), upstreamToken })
    if (!person) throw new LoginFailedError('unavailable', `${label}, token: a sub that is not one`)
    return person
  }

  const renewal: FactsRenewal = {
    isNeeded: () => needed().renewed,
    knows: (facts) => needed().groups.length === 0 || facts.groups !== undefined,
    async ask(identity, refreshToken, keep) {
      const configuration = await discover()
      const sub = identity.subject.slice(subjectPrefix.length)
      let next = refreshToken
      const hear = (body: string) => {
        next = refreshTokenIn(body) ?? next
      }
      // whatever is wrong with the rest of the answer, the token that was sent is used up
      let told: Told
      try {
        told = await hearing(hear, () => renew(provider, configuration, { refreshToken, sub }))
      } finally {
        if (next !== refreshToken) await keep(next)
      }
      const { subject, facts } = await identify(configuration, told, next)
      // what somebody is called may be left out of a renewed ID token, and decides nothing
      return { ...identity, subject, ...(facts && { facts }) }
    },
  }

  return { signIn, renewal }
}

/**
 * `profile` only where there is no address to call somebody by; `groups` only from a provider that has such a scope: the others
 * put the claim into the token because their operator says so. So is `offline_access`: those who lack it give a refresh token in
 * any case, or never.
 */
function scopeFor(configuration: Configuration, { email, groups, renewed }: OpenIdNeeds): string {
  const { scopes_supported: offered = ['email'] } = configuration.serverMetadata()
  const person = email || offered.includes('email') ? 'email' : offered.includes('profile') ? 'profile' : ''
  const further = [groups.length > 0 && 'groups', renewed && offlineScope]
  return ['openid', person, ...further.filter((name) => name && offered.includes(name))].filter(Boolean).join(' ')
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

/** What the token endpoint said of a person. */
interface Told {
  readonly claims: Claims & { readonly sub: string }
  readonly accessToken: string
  readonly refreshToken: string | undefined
}

/** Checks `iss` of the answer (RFC 9207), redeems the code and verifies the ID token (OpenID Connect Core §3.1.3.7). */
async function redeem(
  provider: OpenIdProvider,
  configuration: Configuration,
  { url, verifier, nonce }: Redemption,
): Promise<Told> {
  const tokens = await authorizationCodeGrant(configuration, url, {
    pkceCodeVerifier: verifier,
    expectedNonce: nonce,
    idTokenExpected: true,
  }).catch((error) => {
    throw loginFailure(provider.label, 'token', error)
  })
  return toldBy(provider, tokens, undefined)
}

/** OpenID Connect Core §12. A new ID token is verified as the first one was; there may be none. */
async function renew(
  provider: OpenIdProvider,
  configuration: Configuration,
  { refreshToken, sub }: { readonly refreshToken: string; readonly sub: string },
): Promise<Told> {
  const tokens = await refreshTokenGrant(configuration, refreshToken).catch((error) => {
    throw loginFailure(provider.label, 'renewal', error)
  })
  if (!tokens.id_token && !configuration.serverMetadata().userinfo_endpoint)
    throw new LoginFailedError('unavailable', `${provider.label}, renewal: neither an ID token nor a userinfo endpoint`)
  return toldBy(provider, tokens, { sub })
}

/** `known`: where there need not be an ID token, whose tokens these are. */
function toldBy(
  { label, clientId }: OpenIdProvider,
  tokens: TokenEndpointResponse & TokenEndpointResponseHelpers,
  known: { readonly sub: string } | undefined,
): Told {
  const claims: (Claims & { readonly sub: string }) | undefined = tokens.claims() ?? known
  // the library looks at azp only where there are several audiences
  if (!claims || (claims.azp ?? clientId) !== clientId)
    throw new LoginFailedError('unavailable', `${label}, token: an ID token for somebody else`)
  const { access_token: accessToken, refresh_token: refreshToken } = tokens
  return { claims, accessToken, refreshToken: kept(refreshToken) }
}

/** What an endpoint answered. */
function refreshTokenIn(body: string): string | undefined {
  try {
    return kept(JSON.parse(body)?.refresh_token)
  } catch {
    return undefined // the library says what is wrong with it
  }
}

function kept(refreshToken: unknown): string | undefined {
  const isKept = typeof refreshToken === 'string' && refreshToken.length > 0 && refreshToken.length <= tokenAtMost
  return isKept ? refreshToken : undefined
}

/**
 * What the ID token does not say. The address and whether it is verified come from one source: neither is ever combined with the
 * other's of the ID token.
 */
async function askUserinfo(
  { label }: OpenIdProvider,
  configuration: Configuration,
  { claims, accessToken }: Told,
  lacks: { readonly email: boolean; readonly groups: boolean; readonly hostedDomain: boolean },
): Promise<Claims> {
  const isAsked = lacks.email || lacks.groups || lacks.hostedDomain
  if (!isAsked || !configuration.serverMetadata().userinfo_endpoint) return {}
  const { email, email_verified, groups, hd } = await fetchUserInfo(configuration, accessToken, claims.sub).catch(
    (error) => {
      throw loginFailure(label, 'userinfo', error)
    },
  )
  return {
    ...(lacks.email && !(email == null && email_verified == null) && { email, email_verified }),
    ...(lacks.groups && groups != null && { groups }),
    ...(lacks.hostedDomain && hd != null && { hd }),
  }
}
