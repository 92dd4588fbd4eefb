// The guard as a Fastify plugin: who is calling is settled in onRequest, before a byte of the body is read, and every
// refusal is answered here, in one form. What an operation needs beyond a token is the route's to say.
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Caller } from './access-token.ts'
import { readCredentials } from './authorization-header.ts'
import { formatChallenge } from './challenge.ts'
import { InvalidTokenError, type RefusalReason } from './errors.ts'
import { type ResourceMetadata, resourceMetadataUrl, serveResourceMetadata } from './metadata.ts'

export interface ResourceGuardOptions extends ResourceMetadata {
  /** Throws {@link InvalidTokenError} for a token to refuse; anything else it throws becomes a 503. */
  readonly verifyAccessToken: (token: string) => Promise<Caller>
  /** What a caller may do with the scopes granted, where one implies another. By default just what was granted. */
  readonly effectiveScopes?: (granted: ReadonlySet<string>) => ReadonlySet<string>
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Makes an `onRequest` hook that lets only callers with a valid token and all of these scopes pass. */
    requireBearer(...scopes: string[]): onRequestAsyncHookHandler
  }
  interface FastifyRequest {
    /** Set once `requireBearer` let the request pass. */
    caller: Caller | null
  }
  interface FastifyReply {
    /**
     * Answers 403 when the caller lacks one of these scopes, naming all of them (RFC 6750 §3.1), and says whether it
     * did. For operations that are known only when the body is.
     */
    refuseWithoutScopes(scopes: readonly string[]): boolean
  }
}

/** Every answer of the guard: few codes for many private reasons. Descriptions go into a header: no quotes. */
const refusals = {
  noToken: {
    status: 401,
    error: undefined,
    description: 'A bearer token is required: WWW-Authenticate says where to get one',
  },
  noBearerToken: { status: 401, error: 'invalid_token', description: 'Authorization must be Bearer and one token' },
  twice: { status: 400, error: 'invalid_request', description: 'Authorization was sent more than once' },
  expired: { status: 401, error: 'invalid_token', description: 'The access token has expired' },
  notYet: {
    status: 401,
    error: 'invalid_token',
    description: 'The access token is from the future: the clocks of its issuer and of this server differ',
  },
  invalid: { status: 401, error: 'invalid_token', description: 'The access token is not valid here' },
  scope: { status: 403, error: 'insufficient_scope', description: 'The access token lacks a scope that this needs' },
} as const

/** What a caller is told of why its token was refused; of all else that it is not valid. */
const publicReasons: Partial<Record<RefusalReason, keyof typeof refusals>> = { expired: 'expired', not_yet: 'notYet' }

/** Seconds after which a client may try again when the issuer's keys could not be had. */
const retryAfter = 5

const scopeToken = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/**
 * Guards routes with RFC 6750 bearer tokens and publishes RFC 9728 metadata. Fails at once for options that cannot work.
 */
export const resourceGuard = fastifyPlugin<ResourceGuardOptions>(
  async (app: FastifyInstance, options: ResourceGuardOptions): Promise<void> => {
    checkOptions(options)
    const { verifyAccessToken, effectiveScopes = (granted) => granted } = options
    const resourceMetadata = resourceMetadataUrl(options.resource)

    function refuse(reply: FastifyReply, why: keyof typeof refusals, scopes = options.scopes): FastifyReply {
      const { status, error, description } = refusals[why]
      const errorDescription = error && description
      reply.header('www-authenticate', formatChallenge({ error, errorDescription, scopes, resourceMetadata }))
      return send(reply, status, error ?? 'unauthorized', description)
    }

    app.decorateRequest('caller', null)
    app.decorateReply('refuseWithoutScopes', function (this: FastifyReply, needed: readonly string[]) {
      const held = effectiveScopes(this.request.caller?.scopes ?? new Set())
      if (needed.every((scope) => held.has(scope))) return false
      refuse(this, 'scope', needed)
      return true
    })
    app.decorate('requireBearer', (...needed: string[]) => async (request: FastifyRequest, reply: FastifyReply) => {
      const credentials = readCredentials(request.raw.rawHeaders)
      if (credentials.kind !== 'token') return refuse(reply, credentials.kind)
      try {
        request.caller = await verifyAccessToken(credentials.token)
      } catch (error) {
        if (error instanceof InvalidTokenError) {
          request.log.info({ reason: error.reason }, 'access token refused')
          return refuse(reply, publicReasons[error.reason] ?? 'invalid')
        }
        request.log.error({ err: error }, 'access token could not be judged')
        reply.header('retry-after', String(retryAfter))
        return send(reply, 503, 'temporarily_unavailable', 'Tokens cannot be verified right now: try again shortly')
      }
      if (reply.refuseWithoutScopes(needed)) return reply
    })

    serveResourceMetadata(app, options)
  },
  { name: 'resource-guard', fastify: '5.x' },
)

function send(reply: FastifyReply, status: number, error: string, description: string): FastifyReply {
  // A page reads a challenge only if it is exposed. Where the application has a list of its own, that is its affair.
  if (!reply.hasHeader('access-control-expose-headers')) {
    reply.header('access-control-expose-headers', 'WWW-Authenticate')
  }
  return reply.code(status).header('cache-control', 'no-store').send({ error, error_description: description })
}

function checkOptions({ resource, authorizationServers, scopes }: ResourceMetadata): void {
  const url = URL.parse(resource)
  if (!url || !/^https?:$/.test(url.protocol) || /[?#]/.test(resource)) {
    throw new TypeError(`resource must be an absolute URL without query and fragment: ${resource}`)
  }
  if (authorizationServers.length === 0) throw new TypeError('authorizationServers must name at least one')
  for (const scope of scopes) {
    // offline_access: whether a client may refresh is between it and its authorization server.
    const usable = scopeToken.test(scope) && scope !== 'offline_access'
    if (!usable) throw new TypeError(`"${scope}" is no scope of a resource`)
  }
}
