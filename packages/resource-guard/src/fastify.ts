// The guard in a Fastify server: who is calling is settled in onRequest, before a byte of the body is read. What an
// operation needs beyond a token is the route's to say.
import type { Server } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { Caller } from './access-token.ts'
import { type GuardAnswer, type GuardRequest, pairs } from './exchange.ts'
import type { Guard } from './guard.ts'
import { answerMetadata, wellKnown } from './metadata.ts'

export {
  createIssuerMetadataAnswer,
  type IssuerMetadataMirrorOptions,
  issuerMetadataMirror,
} from './issuer-metadata-mirror.ts'
export { literalRoute } from './literal-route.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once `requireBearer` let the request pass. */
    caller: Caller | null
  }
}

/** Those of one server, whose documents are served together: which one is at the root depends on all of them. */
const guardsOf = new WeakMap<Server, Guard[]>()

/** The routes of the documents, as Fastify names them. */
export const metadataRoutes: readonly string[] = [wellKnown, `${wellKnown}/*`]

/** Serves the RFC 9728 document of one resource, beside those of other registrations. To be registered without a prefix. */
export const resourceGuard = fastifyPlugin<{ readonly guard: Guard }>(
  async (app: FastifyInstance, { guard }): Promise<void> => {
    const guards = guardsOf.get(app.server) ?? []
    guardsOf.set(app.server, [...guards, guard])
    if (guards.length === 0) serveMetadata(app, () => guardsOf.get(app.server) ?? [])
  },
  { name: 'resource-guard', fastify: '5.x' },
)

/**
 * Serves the RFC 9728 documents of resources that come and go, and lets routes of this server ask who calls. `guardsFor`:
 * those that a request may be about. In the place of {@link resourceGuard}.
 */
export function serveMetadata(app: FastifyInstance, guardsFor: (request: FastifyRequest) => readonly Guard[]): void {
  if (!app.hasRequestDecorator('caller')) app.decorateRequest('caller', null)
  for (const url of metadataRoutes) {
    app.route({
      method: ['GET', 'OPTIONS'],
      url,
      handler: async (request, reply) => {
        const answer = answerMetadata(guardsFor(request), guardRequest(request))
        return answer ? send(reply, answer) : reply.callNotFound()
      },
    })
  }
}

/** An `onRequest` hook that lets only callers with a valid token for this resource and all of these scopes pass. */
export function requireBearer(guard: Guard, ...scopes: readonly string[]): onRequestAsyncHookHandler {
  return (request, reply) => admitBearer(guard, request, reply, scopes)
}

/** {@link requireBearer} for a guard that is known only when the request is. Returns the reply if it was sent. */
export async function admitBearer(
  guard: Guard,
  request: FastifyRequest,
  reply: FastifyReply,
  scopes: readonly string[] = [],
): Promise<FastifyReply | undefined> {
  const admission = await guard.admit(guardRequest(request), scopes)
  if ('caller' in admission) {
    request.caller = admission.caller
    return undefined
  }
  const { answer, reason, error } = admission
  if (reason) request.log.info({ reason }, 'access token refused')
  if (error) request.log.error({ err: error }, 'access token could not be judged')
  return send(reply, answer)
}

/**
 * Answers 403 when the caller lacks one of these scopes, naming all of them, and says whether it did. For operations that
 * are known only when the body is. Throws where `requireBearer` did not run.
 */
export function refuseWithoutScopes(
  guard: Guard,
  request: FastifyRequest,
  reply: FastifyReply,
  scopes: readonly string[],
): boolean {
  if (!request.caller) throw new Error('refuseWithoutScopes needs requireBearer on the route')
  const answer = guard.requireScopes(request.caller, scopes)
  if (answer) send(reply, answer)
  return answer !== undefined
}

function guardRequest({ method, raw }: FastifyRequest): GuardRequest {
  return { method, url: raw.url ?? '', headers: pairs(raw.rawHeaders) }
}

/** Where the application exposes headers to pages by a list of its own, that is its affair. */
function send(reply: FastifyReply, { status, headers, body }: GuardAnswer): FastifyReply {
  const exposed = reply.getHeader('access-control-expose-headers')
  return reply
    .code(status)
    .headers(exposed === undefined ? headers : { ...headers, 'access-control-expose-headers': String(exposed) })
    .send(body)
}
