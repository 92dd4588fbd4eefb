// Our own errors as HTTP answers: a page for the one who asked for one, JSON for everybody else. What oidc-provider answers
// itself is in provider/.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GatehouseError, InteractionGoneError, StoreUnavailableError } from './errors.ts'
import { pageHeaders } from './pages/headers.ts'
import { errorPage, expiredPage } from './pages/index.ts'
import { paths } from './paths.ts'
import { type WireError, wireErrorOf, wireErrors } from './wire-errors.ts'

export function answerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => answerWith(request, reply, wireErrors.nothingHere))
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const answer = answerFor(error)
    if (isStoreAway(error)) request.log.warn({ reason: firstCause(error).message }, 'the store does not answer')
    else if (answer.status >= 500 && answer.status !== 503) request.log.error({ err: error }, 'request failed')
    if (error instanceof InteractionGoneError && wantsPage(request)) {
      return reply
        .code(answer.status)
        .headers(pageHeaders)
        .send(expiredPage({ device: request.url.startsWith(`${paths.device}/`) }))
    }
    return answerWith(request, reply, answer)
  })
}

/** Fastify's option `frameworkErrors`: its own words for an address that cannot be read repeat the address. */
export function answerUnreadable(error: { statusCode?: number }, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode: status = 400 } = error
  answerWith(request, reply, { ...wireErrors.unreadableAddress, status })
}

/** Whether a person is looking: browsers ask for HTML, clients do not. */
function wantsPage(request: FastifyRequest): boolean {
  return request.headers.accept?.includes('text/html') ?? false
}

function firstCause(error: Error): Error {
  return error.cause instanceof Error ? firstCause(error.cause) : error
}

/** As itself, or in the words in which provider/adapters/ told the engine. */
function isStoreAway(error: Error): boolean {
  return error instanceof StoreUnavailableError || error.cause instanceof StoreUnavailableError
}

function answerFor(error: Error & { statusCode?: number }): WireError {
  const told = isStoreAway(error) ? wireErrors.passing : wireErrorOf(error)
  if (told) return told
  // a client's document that could not be read (provider/clients/documents)
  const { error: code, error_description: description = '' } = error as { error?: string; error_description?: string }
  if (code === wireErrors.passing.error) return { ...wireErrors.passing, description }
  const status = error instanceof GatehouseError ? 500 : (error.statusCode ?? 500)
  // Fastify's own words about a request it could not read: size, type, encoding
  return status >= 500 ? wireErrors.ours : { status, error: 'invalid_request', description: error.message }
}

/** A page for a person, JSON for everybody else. */
export function answerWith(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: WireError,
  next = { label: 'Start page', href: '/' },
): FastifyReply {
  if (!wantsPage(request)) return answerProgram(reply, answer)
  const { status, description } = answer
  const html = errorPage({ status, message: description, requestId: request.id, next })
  return begin(reply, answer).headers(pageHeaders).send(html)
}

/** At an address that only programs call: JSON, whatever they accept. */
export function answerProgram(reply: FastifyReply, answer: WireError): FastifyReply {
  const { error, description } = answer
  return begin(reply, answer).header('cache-control', 'no-store').send({ error, error_description: description })
}

function begin(reply: FastifyReply, { status, retryAfter }: WireError): FastifyReply {
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  return reply.code(status)
}
