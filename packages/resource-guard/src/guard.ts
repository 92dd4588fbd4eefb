// The guard itself, which knows no framework: who calls, what they lack, and the answers to both. Adapters for Fastify,
// Express and Fetch are beside this file.
import { type Caller, createTokenVerifier } from './access-token.ts'
import { readCredentials } from './authorization-header.ts'
import { formatChallenge } from './challenge.ts'
import { InvalidTokenError, type RefusalReason } from './errors.ts'
import type { GuardAnswer, GuardRequest } from './exchange.ts'
import { createRemoteKeySet, type RemoteKeySet } from './key-set.ts'
import { type ResourceMetadata, resourceMetadataUrl } from './metadata.ts'
import { publicReasons, refusals } from './refusals.ts'

export interface GuardOptions extends Omit<ResourceMetadata, 'authorizationServers'> {
  /** What the challenge to a request without a good token names, which many clients ask for. By default all scopes. */
  readonly challengeScopes?: readonly string[]
  /** Whose tokens count: the issuer identifier, byte for byte as its metadata has it. */
  readonly issuer: string
  /** By default the issuer's, found through its metadata. */
  readonly keys?: RemoteKeySet
  /** Throws {@link InvalidTokenError} for a token to refuse; anything else it throws becomes a 503. */
  readonly verifyAccessToken?: (token: string) => Promise<Caller>
  /** What a caller may do with the scopes granted, where one implies another. By default just what was granted. */
  readonly effectiveScopes?: (granted: ReadonlySet<string>) => ReadonlySet<string>
}

/** Who calls, or the answer to somebody who may not. */
export type Admission =
  | { readonly caller: Caller }
  | {
      readonly answer: GuardAnswer
      /** Why a token was refused. For the log alone. */
      readonly reason?: RefusalReason
      /** Why it could not be judged. For the log alone. */
      readonly error?: unknown
    }

export interface Guard extends ResourceMetadata {
  /**
   * Who calls (RFC 6750, RFC 9068). Never throws. Without a token 401 with a challenge, with a bad one 401, where it
   * cannot be judged 503 with `Retry-After`.
   */
  authenticate(request: Pick<GuardRequest, 'headers'>): Promise<Admission>
  /** The 403 that names all of these scopes, if the caller lacks one; undefined if none is missing (RFC 6750 §3.1). */
  requireScopes(caller: Caller, scopes: readonly string[]): GuardAnswer | undefined
  /** {@link Guard.authenticate} and {@link Guard.requireScopes} in one. */
  admit(request: Pick<GuardRequest, 'headers'>, scopes?: readonly string[]): Promise<Admission>
  /** Whether tokens can be judged. True where `verifyAccessToken` was given. */
  ready(): boolean
}

/** Seconds after which a client may try again when the issuer's keys could not be had. */
const retryAfter = 5

const scopeToken = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/** Makes the guard of one resource. Throws for options that cannot work. */
export function createGuard(options: GuardOptions): Guard {
  const { resource, issuer, scopes, resourceName, effectiveScopes = (granted) => granted } = options
  checkOptions(options)
  const keys = options.keys ?? (options.verifyAccessToken ? undefined : createRemoteKeySet({ issuer }))
  const verify = options.verifyAccessToken ?? createTokenVerifier({ issuer, resource, keys: keys as RemoteKeySet })
  const resourceMetadata = resourceMetadataUrl(resource)

  function refuse(why: keyof typeof refusals, named = options.challengeScopes ?? scopes): GuardAnswer {
    const { status, error, description } = refusals[why]
    const errorDescription = error && description
    const challenge = formatChallenge({ scheme: 'Bearer', error, errorDescription, scopes: named, resourceMetadata })
    return answer(status, error ?? 'unauthorized', description, { 'www-authenticate': challenge })
  }

  const guard: Guard = {
    resource,
    authorizationServers: [issuer],
    scopes,
    resourceName,
    async authenticate(request) {
      const credentials = readCredentials(request)
      if (credentials.kind !== 'token') return { answer: refuse(credentials.kind) }
      try {
        return { caller: await verify(credentials.token) }
      } catch (error) {
        if (error instanceof InvalidTokenError)
          return { answer: refuse(publicReasons[error.reason] ?? 'invalid'), reason: error.reason }
        return { answer: cannotJudge, error }
      }
    },
    requireScopes(caller, needed) {
      const held = effectiveScopes(caller.scopes)
      return needed.every((scope) => held.has(scope)) ? undefined : refuse('scope', needed)
    },
    async admit(request, needed = []) {
      const admission = await guard.authenticate(request)
      const refusal = 'caller' in admission ? guard.requireScopes(admission.caller, needed) : undefined
      return refusal ? { answer: refusal } : admission
    },
    ready: () => keys?.ready() ?? true,
  }
  return guard
}

function answer(status: number, error: string, description: string, headers: Record<string, string>): GuardAnswer {
  return {
    status,
    // A page reads these only if they are exposed.
    headers: {
      ...headers,
      'cache-control': 'no-store',
      'access-control-expose-headers': 'WWW-Authenticate, Retry-After',
    },
    body: { error, error_description: description },
  }
}

const cannotJudge = answer(503, 'temporarily_unavailable', 'Tokens cannot be verified right now: try again shortly', {
  'retry-after': String(retryAfter),
})

function checkOptions({ resource, issuer, scopes }: GuardOptions): void {
  const url = URL.parse(resource)
  if (!url || !/^https?:$/.test(url.protocol) || /[?#]/.test(resource))
    throw new TypeError(`resource must be an absolute URL without query and fragment: ${resource}`)
  if (!/^https?:$/.test(URL.parse(issuer)?.protocol ?? ''))
    throw new TypeError(`issuer must be an absolute URL: ${issuer}`)
  for (const scope of scopes) {
    // offline_access: whether a client may refresh is between it and its authorization server.
    const usable = scopeToken.test(scope) && scope !== 'offline_access'
    if (!usable) throw new TypeError(`"${scope}" is no scope of a resource`)
  }
}
