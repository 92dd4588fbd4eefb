// A signed-in client for one MCP server: the one place where discovery, registration, flows, the saved session and MCP
// are wired together.
import { tokenRevocation } from 'openid-client'
import { type Clock, systemClock } from './clock.ts'
import { type Discovery, discover, mcpServerUrl } from './discovery/discovery.ts'
import { ClientError } from './errors.ts'
import { signInWithBrowser } from './flows/browser.ts'
import { type FlowOptions, signInWithDevice } from './flows/device.ts'
import { signInWithSecret } from './flows/machine.ts'
import { type OpenUrl, openUrl as openOnDesktop } from './flows/open-url.ts'
import type { SignInPrompts } from './flows/prompts.ts'
import { connectToServer, type McpConnection, type Protocol } from './mcp/connection.ts'
import type { OnNotice } from './mcp/notice.ts'
import { withStepUp } from './mcp/step-up.ts'
import { dnsLookup, type Lookup } from './network/address-guard.ts'
import { createGuardedFetch, type Fetch } from './network/guarded-fetch.ts'
import { createOauthClient, type Grant } from './oauth/oauth-client.ts'
import { identityFor } from './registration/identity.ts'
import { type GivenIdentity, register } from './registration/registration.ts'
import { createRenewal } from './session/renewal.ts'
import type { Session, SessionKey } from './session/session.ts'
import type { KnownServer, Store } from './session/store.ts'
import { createTokenSource, notSignedIn, type TokenSource } from './session/token-source.ts'

/** Seconds for which discovered endpoints are used without asking again. */
const DISCOVERY_LIFE = 24 * 3600

export interface ClientOptions {
  /** The MCP server's address. */
  readonly url: string | URL
  readonly store: Store
  readonly prompts: SignInPrompts
  /** The identity somebody gave; absent: this program registers itself, once for each issuer. */
  readonly identity?: GivenIdentity | undefined
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
}

export interface ConnectOptions {
  readonly protocol?: Protocol | undefined
  /** Told what the server says of its own accord. */
  readonly onNotice?: OnNotice | undefined
  /** Also hear that lists change. */
  readonly listen?: boolean | undefined
}

export type StepUpOptions = Pick<SignInOptions, 'timeout' | 'signal'>

export interface Client {
  readonly url: URL
  /** Signs in, always anew, and keeps the result for later runs. */
  signIn(options: SignInOptions): Promise<Session>
  /** The saved session with a valid access token; renewed if needed. Throws `not_signed_in` or `signed_out`. */
  session(): Promise<Session>
  /** A session with another access token than `refused`, which the MCP server answered with 401. */
  renew(refused: string): Promise<Session>
  /** Forgets the session and, if it can, has the server revoke it. `undefined`: there was none. */
  signOut(): Promise<{ readonly revoked: boolean } | undefined>
  /** An MCP connection that renews its token by itself. Whoever opens it closes it. */
  connect(options?: ConnectOptions): Promise<McpConnection>
  /**
   * Runs `work`; when the server asks for more scopes the person signs in for them and `work` runs again, three times at
   * most. A connection that is open goes on with the new token.
   */
  steppingUp<T>(work: () => Promise<T>, options?: StepUpOptions): Promise<T>
  /** Both: a connection for `work` alone, and stepping up. */
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

  async function rediscover(): Promise<Discovery> {
    const previous = await store.servers.read(url.href)
    const discovery = await discover(url, { fetch, clock })
    await store.servers.write(url.href, { discovery, clientId: previous?.clientId })
    return discovery
  }

  async function recentDiscovery(): Promise<Discovery> {
    const known = await store.servers.read(url.href)
    const recent = known && clock.now() - known.discovery.discoveredAt < DISCOVERY_LIFE
    return recent ? known.discovery : await rediscover()
  }

  const renew = createRenewal({ discovery: recentDiscovery, identities, fetch, clock })

  async function tokens(): Promise<TokenSource> {
    const known = await store.servers.read(url.href)
    if (!known) throw notSignedIn()
    return createTokenSource({ sessions: store.sessions, key: keyOf(known), clock, renew })
  }

  /** Runs a flow as the given identity, or as our own registration, which is made anew once if it was forgotten. */
  async function asClient(discovery: Discovery, flow: (client: GivenIdentity) => Promise<Grant>) {
    const { issuer, metadata } = discovery
    if (identity) return { client: identity, grant: await flow(identity) }
    const kept = await store.registrations.read(issuer)
    if (kept) {
      try {
        return { client: kept, grant: await flow(kept) }
      } catch (error) {
        if (!(error instanceof ClientError && error.oauthError === 'invalid_client')) throw error
        await store.registrations.remove(issuer)
      }
    }
    const client = await register(metadata, fetch)
    await store.registrations.write(issuer, client)
    return { client, grant: await flow(client) }
  }

  async function signIn({ flow, scope: wanted, timeout, signal: stop = signal }: SignInOptions): Promise<Session> {
    if (flow === 'machine' && identity?.clientSecret === undefined) throw secretNeeded()
    const discovery = await rediscover()
    const { issuer, resource, metadata } = discovery
    const scope = wanted ?? discovery.scope
    const { client, grant } = await asClient(discovery, (client) => {
      const oauth = createOauthClient({ metadata, identity: client, fetch })
      const flowOptions: FlowOptions = { oauth, resource, scope, clock, prompts, timeout, signal: stop }
      if (flow === 'device') return signInWithDevice(flowOptions)
      return flow === 'machine' ? signInWithSecret(flowOptions) : signInWithBrowser({ ...flowOptions, openUrl })
    })
    const session: Session = { issuer, resource, clientId: client.clientId, flow, ...grant }
    const known = { discovery, clientId: identity?.clientId }
    await store.sessions.write(keyOf(known), session)
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
    return await connectToServer({ ...options, url, tokens: await tokens(), fetch: plainFetch, signal })
  }

  function steppingUp<T>(work: () => Promise<T>, options: StepUpOptions = {}): Promise<T> {
    return withStepUp(work, {
      session: async () => (await tokens()).current(),
      async signIn(flow, scope) {
        prompts.moreAccess(scope)
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

function secretNeeded(): ClientError {
  return new ClientError('usage', 'Signing in as a machine needs a client id and a secret.', {
    hint: 'Set GATEHOUSE_CLIENT_ID and GATEHOUSE_CLIENT_SECRET (or GATEHOUSE_CLIENT_SECRET_FILE).',
  })
}
