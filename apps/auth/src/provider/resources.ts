// RFC 8707: which resources there are, how a client may spell them, and which scopes it may have there.
import { defaultScopes, type ProtectedResource, parseScope } from '@gatehouse/shared'
import { errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import { registeredScope } from './clients/own-metadata.ts'

type Client = NonNullable<KoaContextWithOIDC['oidc']['client']>

export interface ResourcePolicy {
  /**
   * The spelling that tokens carry, for a spelling that means the same: another case of the host, a trailing slash,
   * the bare origin where only one resource lives. Whatever is unknown comes back as it was, to be refused.
   */
  canonicalize(identifier: string): string
  find(identifier: string): ProtectedResource | undefined
  /** Those that there are now. */
  readonly all: readonly ProtectedResource[]
  /** All of them, for anyone who named none of them. */
  readonly identifiers: readonly string[]
  /** What a client means that names no resource. */
  readonly defaultResource: string
}

/** The one holder of the resources: everything asks it at each request, and keeps nothing of the answer. */
export interface Resources extends ResourcePolicy {
  /** From now on there are these. */
  replace(resources: readonly ProtectedResource[]): void
}

export function createResources(initial: readonly ProtectedResource[]): Resources {
  let current = indexResources(initial)
  return {
    canonicalize: (identifier) => current.canonicalize(identifier),
    find: (identifier) => current.find(identifier),
    get all() {
      return current.all
    },
    get identifiers() {
      return current.identifiers
    },
    get defaultResource() {
      return current.defaultResource
    },
    replace(resources) {
      current = indexResources(resources)
    },
  }
}

function indexResources(resources: readonly ProtectedResource[]): ResourcePolicy {
  const byIdentifier = new Map(resources.map((resource) => [resource.resource, resource]))
  const bySpelling = new Map<string, string>()
  for (const { resource } of resources) bySpelling.set(comparable(resource) ?? resource, resource)
  for (const { resource } of resources) {
    const { origin } = new URL(resource)
    const alone = resources.filter((other) => new URL(other.resource).origin === origin).length === 1
    if (alone && !bySpelling.has(origin)) bySpelling.set(origin, resource)
  }
  const [first] = resources
  if (!first) throw new TypeError('there must be at least one resource')
  return {
    canonicalize: (identifier) => bySpelling.get(comparable(identifier) ?? '') ?? identifier,
    find: (identifier) => byIdentifier.get(identifier),
    all: resources,
    identifiers: resources.map(({ resource }) => resource),
    defaultResource: first.resource,
  }
}

/** The URL without what does not tell two resources apart; undefined for what cannot name a resource at all. */
function comparable(identifier: string): string | undefined {
  const url = URL.parse(identifier)
  if (!url || url.username || url.password || identifier.includes('#')) return undefined
  return `${url.origin}${url.pathname.replace(/\/$/, '')}${url.search}`
}

/**
 * The engine's `defaultResource`: called without candidates for "none was named", with them for "several were". Undefined
 * for who asks by OpenID Connect to know a person and for nothing at any resource: RFC 6749 §3.3 has defaults for a scope
 * that is left out, not for one that is asked for.
 */
export function chooseResource(
  policy: ResourcePolicy,
  { params }: KoaContextWithOIDC['oidc'],
  candidates: readonly string[] | undefined,
): string | undefined {
  if (candidates !== undefined) throw new errors.InvalidRequest('only one resource may be named in a request')
  const requested = parseScope(typeof params?.scope === 'string' ? params.scope : undefined)
  if (!requested.has('openid') || params?.grant_type === 'client_credentials') return policy.defaultResource
  const atResources = policy.all.flatMap(({ scopes }) => scopes)
  return atResources.some((scope) => requested.has(scope)) ? policy.defaultResource : undefined
}

/**
 * Refuses a token request for another resource than the one that was granted. The engine compares them after it has
 * used up the code or the refresh token, where a client's slip would cost the person a login.
 */
export function refuseOtherResource(
  granted: {
    readonly clientId?: string | undefined
    readonly accountId?: string | undefined
    readonly resource?: unknown
    readonly consumed?: unknown
  },
  request: KoaContextWithOIDC['oidc'] | undefined,
): void {
  const asked = request?.params?.resource
  const isPending = granted.accountId === undefined // a device code that nobody has approved: nothing is granted yet
  if (asked === undefined || granted.clientId !== request?.client?.clientId || granted.consumed || isPending) return
  if (Array.isArray(asked)) throw new errors.InvalidRequest('only one resource may be named in a request')
  if (asked !== granted.resource) throw new errors.InvalidTarget()
}

/**
 * Refuses what was granted for a resource that there is no more. The engine would notice after it has used up the token,
 * and the resource may come back.
 */
export function refuseGoneResource(
  granted: { readonly resource?: unknown; readonly params?: unknown; readonly consumed?: unknown },
  policy: ResourcePolicy,
): void {
  // of a device code that nobody has approved: what it asks for
  const resource = granted.resource ?? (granted.params as { readonly resource?: unknown } | undefined)?.resource
  if (granted.consumed || typeof resource !== 'string' || policy.find(resource)) return
  throw new errors.InvalidTarget('there is no such resource any more')
}

/** The engine's `getResourceServerInfo`: what a token for this resource may hold for this client. */
export function resourceServerInfo(
  policy: ResourcePolicy,
  {
    ctx,
    identifier,
    client,
    accessTokenTTL,
  }: { ctx: KoaContextWithOIDC; identifier: string; client: Client; accessTokenTTL: number },
): ResourceServer {
  const resource = policy.find(identifier)
  if (!resource) throw new errors.InvalidTarget(`unknown resource; known: ${policy.identifiers.join(', ')}`)
  const { params } = ctx.oidc
  if (!params) throw new TypeError('no request parameters')
  if (Array.isArray(params.resource)) throw new errors.InvalidRequest('only one resource may be named in a request')

  const limit = registeredScope(client)
  const allowed = resource.scopes.filter((scope) => !limit || limit.has(scope))
  const machine = params.grant_type === 'client_credentials'

  const requested = parseScope(typeof params.scope === 'string' ? params.scope : undefined)
  if (machine) {
    const elsewhere = new Set(
      policy.all.flatMap(({ scopes }) => scopes).filter((scope) => !resource.scopes.includes(scope)),
    )
    const excess = [...requested].filter((scope) => !allowed.includes(scope) && !elsewhere.has(scope))
    if (excess.length > 0) throw new errors.InvalidScope('requested scope is not allowed', excess.join(' '))
  }
  // Many clients ask for no scope, or for names that mean nothing here; without one the engine ends in access_denied.
  if (params.grant_type !== 'refresh_token' && !allowed.some((scope) => requested.has(scope))) {
    params.scope = [...requested, ...initialScopes(allowed)].join(' ')
  }
  return {
    scope: allowed.join(' '),
    audience: resource.resource,
    accessTokenFormat: 'jwt',
    accessTokenTTL,
    jwt: { sign: { alg: 'ES256' } },
  }
}

/** RFC 9068 §2.2.3.1: of the groups that a resource has to know, those that a person is in. Absent if empty. */
export function groupsClaim(
  resource: ProtectedResource | undefined,
  groups: readonly string[],
): { readonly groups?: readonly string[] } {
  const named = resource?.groups?.filter((name) => groups.includes(name)) ?? []
  return named.length > 0 ? { groups: named } : {}
}

function initialScopes(allowed: readonly string[]): readonly string[] {
  const usual = allowed.filter((scope) => defaultScopes.includes(scope))
  return usual.length > 0 ? usual : allowed
}
