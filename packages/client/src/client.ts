// A signed-in client for one MCP server: the one place where discovery, registration, flows, the saved session and MCP
// are wired together.

import { type Challenge, ClientError, createGuardedFetch, dnsLookup, type Fetch, type Lookup } from '@gatehouse/network'
import { offlineAccess } from '@gatehouse/shared'
import { tokenRevocation } from 'openid-client'
import { type Clock, systemClock } from './clock.ts'
import { type Discovery, type DiscoveryOptions, discover, mcpServerUrl } from './discovery/discovery.ts'
import { signInWithBrowser } from './flows/browser.ts'
import { type FlowOptions, signInWithDevice } from './flows/device.ts'
import { signInWithSecret } from './flows/machine.ts'
import { type OpenUrl, openUrl as openOnDesktop } from './flows/open-url.ts'
import type { SignInPrompts } from './flows/prompts.ts'
import { connectToServer, type McpConnection, type Protocol } from './mcp/connection.ts'
import type { OnQuestion } from './mcp/elicitation.ts'
import type { OnNotice } from './mcp/notice.ts'
import { withStepUp } from './mcp/step-up.ts'
import { createOauthClient, type Grant } from './oauth/oauth-client.ts'
import { clientMetadataId } from './registration/client-metadata.ts'
import { identityFor } from './registration/identity.ts'
import { type GivenIdentity, hasCredential, type Registration, register } from './registration/registration.ts'
import { createRenewal } from './session/renewal.ts'
import type { Session, SessionKey } from './session/session.ts'
import type { KnownServer, Store } from './session/store.ts'
import { createTokenSource, needsSignIn, notSignedIn, type TokenSource } from './session/token-source.ts'

/** Seconds for which discovered endpoints are used without asking again. */
const discoveryLife = 24 * 3600

export interface ClientOptions {
  /** The MCP server's address. */
  readonly url: string | URL
  readonly store: Store
  readonly prompts: SignInPrompts
  /** The identity somebody gave; absent: this program registers itself, once for each issuer. */
  readonly identity?: GivenIdentity | undefined
  /**
   * The https address of a client id metadata document that describes this program: the id it has, instead of a
   * registration, at services that take such ids.
   */
  readonly clientMetadataUrl?: string | undefined
  readonly clock?: Clock | undefined
  readonly fetch?: Fetch | undefined
  readonly lookup?: Lookup | undefined
  readonly openUrl?: OpenUrl | undefined
  /** Let metadata of a public server point into private networks. */
  readonly allowPrivateAddresses?: boolean | undefined
  /** Ends whatever is under way. */
  readonly signal?: AbortSignal | undefined
}

export interface SignInOptions {
  readonly flow: Session['flow']
  /** Space-separated; absent: what the server asks for. */
  readonly scope?: string | undefined
  /** Seconds to wait for the person. */
  readonly timeout?: number | undefined
  /** Ends the waiting for the person. */
  readonly signal?: AbortSignal | undefined
  /** What a 401 said that was met already (`ClientError.challenge`); absent: the server is asked. */
  readonly challenge?: Challenge | undefined
}

export interface ConnectOptions {
  readonly protocol?: Protocol | undefined
  /** Told what the server says of its own accord. */
  readonly onNotice?: OnNotice | undefined
  /** Also hear that lists change. */
  readonly listen?: boolean | undefined
  /** Answers what the server asks while it works (elicitation); absent: it is told that nobody can be asked. */
  readonly onQuestion?: OnQuestion | undefined
}

export type StepUpOptions = Pick<SignInOptions, 'timeout' | 'signal'>

export interface Client {
  readonly url: URL
  /** Signs in again each time, and keeps the result for later runs. */
  signIn(options: SignInOptions): Promise<Session>
  /** The saved session with a valid access token; renewed if needed. Throws `not_signed_in` or `signed_out`. */
  session(): Promise<Session>
  /** A session with another access token than `refused`, which the MCP server answered with 401. */
  renew(refused: string): Promise<Session>
  /** Forgets the session and, if it can, has the server revoke it. `undefined`: there was none. */
  signOut(): Promise<{ readonly revoked: boolean } | undefined>
  /**
   * An MCP connection that renews its token by itself. The one who opens it closes it. Without a sign-in it goes without a
   * token: where the server asks for one after all, requests throw `not_signed_in`.
   */
  connect(options?: ConnectOptions): Promise<McpConnection>
  /**
   * Runs `work`; when the server asks for more scopes the person signs in for them and `work` runs again, three times at
   * most. A connection that is open goes on with the new token.
   */
  steppingUp<T>(work: () => Promise<T>, options?: StepUpOptions): Promise<T>
  /** Runs `work`; where the server asks for a sign-in and none is good, signs in and runs it again, once. */
  signingIn<T>(work: () => Promise<T>, options: SignInOptions): Promise<T>
  /** A connection for `work` alone, and stepping up. */
  withServer<T>(work: (server: McpConnection) => Promise<T>, options?: ConnectOptions & StepUpOptions): Promise<T>
}

export function createClient(options: ClientOptions): Client {
  const { store, prompts, identity, clock = systemClock, signal, allowPrivateAddresses } = options
  const { fetch: plainFetch = globalThis.fetch, lookup = dnsLookup, openUrl = openOnDesktop } = options
  const url = mcpServerUrl(options.url)
  const fetch = createGuardedFetch({ fetch: plainFetch, lookup, start: url, allowPrivateAddresses, signal })

  const keyOf = ({ discovery, clientId }: KnownServer): SessionKey => ({
    issuer: discovery.issuer,
    resource: discovery.resource,
    clientId: identity?.clientId ?? clientId,
  })

  const identities = { given: identity, registrations: store.registrations }
  const documentId = options.clientMetadataUrl === undefined ? undefined : clientMetadataId(options.clientMetadataUrl)

  async function rediscover(asked: Pick<DiscoveryOptions, 'challenge' | 'issuer'>): Promise<Discovery> {
    const previous = await store.servers.read(url.href)
    const discovery = await discover(url, { fetch, clock, ...asked })
    await store.servers.write(url.href, { discovery, clientId: previous?.clientId })
    return discovery
  }

  async function recentDiscovery(): Promise<Discovery> {
    const known = await store.servers.read(url.href)
    const recent = known && clock.now() - known.discovery.discoveredAt < discoveryLife
    return recent ? known.discovery : await rediscover({ issuer: known?.discovery.issuer })
  }

  const renew = createRenewal({ discovery: recentDiscovery, identities, fetch, clock })

  async function tokens(): Promise<TokenSource> {
    const known = await store.servers.read(url.href)
    if (!known) throw notSignedIn()
    return createTokenSource({ sessions: store.sessions, key: keyOf(known), clock, renew })
  }

  /** Our registration with an issuer, but for `refused`: the kept one, or a new one. One process at a time makes it. */
  function registered({ issuer, metadata }: Discovery, refused?: Registration) {
    return store.registrations.exclusive(issuer, async () => {
      const kept = await store.registrations.read(issuer)
      if (kept && kept.clientId !== refused?.clientId) return { client: kept, isNew: false }
      const client = await register(metadata, fetch)
      await store.registrations.write(issuer, client)
      return { client, isNew: true }
    })
  }

  /**
   * Runs a flow as the given identity, else as what the metadata document describes, else as our own registration, which
   * is made again once if it was forgotten.
   */
  async function asClient(discovery: Discovery, flow: (client: GivenIdentity) => Promise<Grant>) {
    const known =
      identity ?? (discovery.metadata.client_id_metadata_document_supported === true ? documentId : undefined)
    if (known) return { client: known, grant: await flow(known) }
    const { client, isNew } = await registered(discovery)
    try {
      return { client, grant: await flow(client) }
    } catch (error) {
      if (isNew || !(error instanceof ClientError && error.oauthError === 'invalid_client')) throw error
    }
    const { client: renewed } = await registered(discovery, client)
    return { client: renewed, grant: await flow(renewed) }
  }

  async function signIn({ flow, timeout, signal: stop = signal, challenge, ...asked }: SignInOptions) {
    if (flow === 'machine' && !hasCredential(identity)) throw secretNeeded()
    const discovery = await rediscover({ challenge })
    const { issuer, resource, metadata } = discovery
    const known = { discovery, clientId: identity?.clientId }
    const key = keyOf(known)
    await store.sessions.exclusive(key, async () => {}) // what cannot be kept is said before anybody approves it
    const scope =
      flow === 'machine' ? (asked.scope ?? discovery.scope) : lasting(asked.scope ?? discovery.scope, metadata)
    const { client, grant } = await asClient(discovery, (client) => {
      const oauth = createOauthClient({ metadata, identity: client, fetch })
      const flowOptions: FlowOptions = { oauth, resource, scope, clock, prompts, timeout, signal: stop }
      if (flow === 'device') return signInWithDevice(flowOptions)
      return flow === 'machine' ? signInWithSecret(flowOptions) : signInWithBrowser({ ...flowOptions, openUrl })
    })
    const session: Session = { issuer, resource, clientId: client.clientId, flow, ...grant }
    await store.sessions.exclusive(key, () => store.sessions.write(key, session))
    await store.servers.write(url.href, known)
    return session
  }

  async function signOut(): Promise<{ revoked: boolean } | undefined> {
    const known = await store.servers.read(url.href)
    if (!known) return undefined
    const key = keyOf(known)
    const session = await store.sessions.exclusive(key, async () => {
      const found = await store.sessions.read(key)
      await store.sessions.remove(key)
      return found
    })
    await store.servers.remove(url.href)
    return session && { revoked: await revoke(known.discovery, session) }
  }

  /** RFC 7009, as far as it goes: signing out here succeeds whatever the server says. */
  async function revoke({ metadata }: Discovery, session: Session): Promise<boolean> {
    if (metadata.revocation_endpoint === undefined) return false
    const oauth = createOauthClient({ metadata, identity: await identityFor(session, identities), fetch })
    return tokenRevocation(oauth, session.refreshToken ?? session.accessToken).then(
      () => true,
      () => false,
    )
  }

  async function connect(options: ConnectOptions = {}): Promise<McpConnection> {
    let found: TokenSource | undefined // once it had a token it stays: a connection belongs to one sign-in
    const connected: TokenSource = {
      async current() {
        const source = found ?? (await tokens())
        const session = await source.current()
        found = source
        return session
      },
      replace: async (refused) => (found ?? (await tokens())).replace(refused),
    }
    return await connectToServer({ ...options, url, tokens: connected, fetch: plainFetch, signal })
  }

  async function signingIn<T>(work: () => Promise<T>, options: SignInOptions): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!needsSignIn(error)) throw error
      await signIn({ ...options, challenge: error.challenge })
      return await work()
    }
  }

  function steppingUp<T>(work: () => Promise<T>, options: StepUpOptions = {}): Promise<T> {
    return withStepUp(work, {
      session: async () => (await tokens()).current(),
      async signIn(flow, scope, missing) {
        prompts.moreAccess(missing)
        await signIn({ ...options, flow, scope })
      },
    })
  }

  return {
    url,
    signIn,
    signOut,
    session: async () => (await tokens()).current(),
    renew: async (refused) => (await tokens()).replace(refused),
    connect,
    signingIn,
    steppingUp,
    withServer: (work, { timeout, ...options } = {}) =>
      steppingUp(
        async () => {
          const server = await connect(options)
          return await work(server).finally(() => server.close())
        },
        { timeout },
      ),
  }
}

/** With `offline_access` where the service has it: some issue no refresh token without (OpenID Connect Core §11). */
function lasting(scope: string | undefined, { scopes_supported = [] }: Discovery['metadata']): string | undefined {
  if (scope === undefined || !scopes_supported.includes(offlineAccess)) return scope
  return [...new Set([...scope.split(' '), offlineAccess])].join(' ')
}

function secretNeeded(): ClientError {
  return new ClientError('usage', 'Signing in as a machine needs a client id and a secret.', {
    hint: 'Set GATEHOUSE_CLIENT_ID, and GATEHOUSE_CLIENT_SECRET (or …_SECRET_FILE, or …_KEY_FILE for a private key).',
  })
}
