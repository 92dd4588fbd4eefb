// The guard in an Express or Connect server, or in any other that hands on Node's own request and response: SDK v1's
// servers above all.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from './access-token.ts'
import { type GuardAnswer, type GuardRequest, pairs } from './exchange.ts'
import type { Guard } from './guard.ts'
import { answerMetadata } from './metadata.ts'

/** A request that {@link requireBearer} let pass. */
export type GuardedRequest<Request extends IncomingMessage = IncomingMessage> = Request & { caller: Caller }

export type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

/** What the log may be told: why a token was refused, or why it could not be judged. Neither is for clients. */
export interface MiddlewareOptions {
  readonly onRefusal?: (refusal: { readonly reason?: string; readonly error?: unknown }) => void
}

/** Serves the RFC 9728 documents of these resources. Goes in front of the routes, at the root of the application. */
export function serveMetadata(...guards: readonly Guard[]): Middleware {
  return (request, response, next) => {
    const answer = answerMetadata(guards, guardRequest(request))
    if (answer) send(request, response, answer)
    else next()
  }
}

/** Lets only callers with a valid token for this resource and all of these scopes pass, and sets `request.caller`. */
export function requireBearer(
  guard: Guard,
  scopes: readonly string[] = [],
  { onRefusal }: MiddlewareOptions = {},
): Middleware {
  return (request, response, next) => {
    guard.admit(guardRequest(request), scopes).then((admission) => {
      if ('caller' in admission) {
        next(void Object.assign(request, { caller: admission.caller }))
        return
      }
      const { answer, reason, error } = admission
      if (reason || error) onRefusal?.({ ...(reason && { reason }), ...(error !== undefined && { error }) })
      send(request, response, answer)
    }, next)
  }
}

/** `originalUrl`: Express takes the part from `url` under which a router is mounted. */
function guardRequest(request: IncomingMessage & { readonly originalUrl?: string }): GuardRequest {
  const { method = 'GET', originalUrl, url = '', rawHeaders } = request
  return { method, url: originalUrl ?? url, headers: pairs(rawHeaders) }
}

function send({ method }: IncomingMessage, response: ServerResponse, { status, headers, body }: GuardAnswer): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (body) response.setHeader('content-type', 'application/json; charset=utf-8')
  response.statusCode = status
  response.end(body && method !== 'HEAD' ? JSON.stringify(body) : undefined)
}
