// The engine's configuration as one pure value: everything oidc-provider is told, in one place. What needs the
// running engine is handed in.
import Keygrip from 'keygrip'
import { type Adapter, type Configuration, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import type { Accounts } from '../accounts/accounts.ts'
import type { Config } from '../config.ts'
import type { SigningKey } from '../keys/signing-keys.ts'
import { paths } from '../paths.ts'
import { engineShape } from '../user-codes.ts'
import { authMethods, defaultGrants, idTokenAlgorithms, normaliseClient, openidScopes } from './clients/clients.ts'
import { ownMetadata, registrationMember } from './clients/own-metadata.ts'
import { isLoopbackRedirect } from './clients/redirects.ts'
import { registeredClientId } from './clients/registration.ts'
import { applyMaxAge } from './clients/unused-metadata.ts'
import type { DevicePages } from './device/pages.ts'
import { findAccount, type PersonAccount } from './find-account.ts'
import { refreshLifetime, sessionLifetime } from './lifetimes.ts'
import { deviceInfo } from './people/facts.ts'
import { askToSignOut, showSignedOut } from './people/logout.ts'
import { keepOfflineAccess } from './request-parameters.ts'
import { chooseResource, groupsClaim, type ResourcePolicy, resourceServerInfo } from './resources.ts'
import { mayRevoke } from './revocation.ts'

const anonymousSession = 600

export interface EngineParts {
  readonly config: Pick<Config, 'issuer' | 'lifetimes' | 'clientPolicy'>
  readonly adapter: (model: string) => Adapter
  readonly accounts: Accounts
  readonly resources: ResourcePolicy
  readonly signingKeys: readonly SigningKey[]
  /** Newest first: the first signs, all verify. */
  readonly cookieKeys: readonly Buffer[]
  readonly devicePages: DevicePages
  /** What the ids of self-registered public clients are made with. */
  readonly registrationKey: Buffer
  readonly renderError: NonNullable<Configuration['renderError']>
}

export function engineConfiguration(parts: EngineParts): Configuration {
  const { config, accounts, resources, devicePages } = parts
  const { lifetimes, clientPolicy } = config
  const secure = config.issuer.startsWith('https:')
  const cookie = cookieOptions(config.issuer)

  return {
    adapter: parts.adapter,
    jwks: { keys: [...parts.signingKeys] },
    clients: [],
    clientAuthMethods: [...authMethods],
    clientDefaults: { id_token_signed_response_alg: idTokenAlgorithms[0], grant_types: defaultGrants },
    enabledJWA: { idTokenSigningAlgValues: [...idTokenAlgorithms] },
    extraClientMetadata: {
      properties: ownMetadata,
      // called once a property; the whole policy runs with the first
      validator: (ctx, property, _value, metadata) => {
        if (property === registrationMember) normaliseClient(ctx, metadata as Record<string, unknown>, clientPolicy)
      },
    },
    clientBasedCORS: (_ctx, origin, client) =>
      (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin || isSameLoopback(uri, origin)),

    findAccount: (_ctx, subject) => findAccount(accounts, subject),
    // Every sign-in asks again and gets a grant of its own, which can be revoked by itself.
    loadExistingGrant: async (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId
      return grantId ? ctx.oidc.provider.Grant.find(grantId) : undefined
    },
    interactions: { policy: interactionSteps(), url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: parts.renderError,

    scopes: [...openidScopes],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'picture'],
      email: ['email', 'email_verified'],
    },
    // Core §5.4 has them at userinfo, and §2 lets the ID token have them, too: many clients look nowhere else
    conformIdTokenClaims: false,
    // its validator runs in every request, after the engine has judged the scope
    extraParams: {
      gatehouse_offline_access: (ctx) => {
        keepOfflineAccess(ctx)
        applyMaxAge(ctx)
      },
    },
    responseTypes: ['code'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    // what an access token was issued under, so that introspection can tell whether that still stands
    extraTokenClaims: (ctx, token) =>
      token.aud && 'grantId' in token && token.grantId
        ? { grant_id: token.grantId, ...groupsClaim(resources.find(String(token.aud)), groupsOf(ctx)) }
        : undefined,
    expiresWithSession: async () => false,
    acceptQueryParamAccessTokens: false,

    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx) => askToSignOut(ctx, async (subject) => (await accounts.find(subject))?.label ?? subject),
        postLogoutSuccessSource: showSignedOut,
      },
      clientCredentials: { enabled: true },
      // each of these is on by default and would be advertised without anything behind it
      pushedAuthorizationRequests: { enabled: false },
      dPoP: { enabled: false },
      // the engine's own policy does the same, and says at its first use that it should be another
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => mayRevoke(client, token.clientId) },
      // its own tokens are all the engine can look into; introspection.ts adds ours
      introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      registration: {
        enabled: clientPolicy.unverified !== 'refuse',
        initialAccessToken: false,
        issueRegistrationAccessToken: false,
        idFactory: (ctx) => registeredClientId(parts.registrationKey, ctx.oidc.body),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, _client, candidates) =>
          chooseResource(resources, ctx.oidc, candidates as string[] | undefined) as string,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, identifier, client) =>
          resourceServerInfo(resources, { ctx, identifier, client, accessTokenTTL: lifetimes.accessToken }),
      },
      deviceFlow: {
        enabled: true,
        ...engineShape,
        deviceInfo,
        userCodeInputSource: devicePages.input,
        userCodeConfirmSource: devicePages.confirm,
        successSource: devicePages.success,
      },
    },

    ttl: {
      AccessToken: lifetimes.accessToken,
      AuthorizationCode: lifetimes.authorizationCode,
      ClientCredentials: lifetimes.accessToken,
      DeviceCode: lifetimes.deviceCode,
      Grant: lifetimes.grant,
      IdToken: lifetimes.accessToken,
      Interaction: lifetimes.interaction,
      RefreshToken: (_ctx, token, client) =>
        refreshLifetime(lifetimes, client, token.gty?.includes('device_code') ?? false),
      Session: (_ctx: KoaContextWithOIDC, session: BrowserSession) => secondsLeft(session, sessionLifetime(config)),
    },
    cookies: {
      keys: new Keygrip(
        parts.cookieKeys.map((key) => key.toString('base64url')),
        'sha256',
      ) as unknown as string[],
      names: {
        session: secure ? '__Host-gatehouse_session' : 'gatehouse_session',
        interaction: 'gatehouse_interaction',
        resume: 'gatehouse_resume',
      },
      long: cookie,
      short: cookie,
    },
    routes: {
      authorization: paths.authorize,
      token: paths.token,
      registration: paths.register,
      jwks: paths.jwks,
      device_authorization: paths.deviceAuthorization,
      code_verification: paths.device,
      revocation: paths.revoke,
      introspection: paths.introspect,
      userinfo: paths.userinfo,
      end_session: paths.logout,
    },
  }
}

function groupsOf({ oidc }: KoaContextWithOIDC): readonly string[] {
  return (oidc.account as PersonAccount | undefined)?.groups ?? []
}

/** An https issuer gets the __Host- prefix; some browsers drop Secure cookies on http, loopback included. */
export function cookieOptions(issuer: string) {
  return {
    httpOnly: true,
    sameSite: 'lax',
    secure: issuer.startsWith('https:'),
    signed: true,
    overwrite: true,
  } as const
}

interface BrowserSession {
  readonly accountId?: string | undefined
  /** When the person signed in, in seconds since the epoch. */
  readonly loginTs?: number | undefined
}

/**
 * For how long the browser stays signed in yet. The engine asks at every request, and a session must not live on by being
 * used; a visit to /device alone must not fill the store for two weeks.
 */
function secondsLeft({ accountId, loginTs }: BrowserSession, lifetime: number): number {
  if (!accountId) return anonymousSession
  const now = Math.floor(Date.now() / 1000)
  return Math.max(1, (loginTs ?? now) + lifetime - now)
}

/** The engine's own steps; besides, anyone who may not have tokens any more is asked to sign in again. */
function interactionSteps() {
  const { base, Check } = interactionPolicy
  const policy = base()
  policy
    .get('login')
    ?.checks.add(
      new Check(
        'not_admitted',
        'the account may not sign in any more',
        ({ oidc }) => Boolean(oidc.session?.accountId) && !oidc.account,
      ),
    )
  return policy
}

/** Loopback redirects have any port, so a page on this computer at any port may be the client. */
function isSameLoopback(redirectUri: string, origin: string): boolean {
  const redirect = URL.parse(redirectUri)
  const page = URL.parse(origin)
  return (
    redirect?.protocol === 'http:' &&
    page?.protocol === 'http:' &&
    isLoopbackRedirect(page.hostname) &&
    redirect.hostname === page.hostname
  )
}
