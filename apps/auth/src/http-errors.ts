// Our own errors as HTTP answers: a page for whoever asked for one, JSON for everybody else. What oidc-provider answers
// itself is in provider/.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  BusyError,
  GatehouseError,
  InteractionGoneError,
  InvalidRequestError,
  StoreUnavailableError,
  TooManyRequestsError,
  UnsupportedBodyError,
} from './errors.ts'
import { pageHeaders } from './pages/headers.ts'
import { errorPage, expiredPage } from './pages/index.ts'

interface Answer {
  readonly status: number
  readonly error: string
  readonly description: string
}

const NOT_FOUND: Answer = { status: 404, error: 'not_found', description: 'There is nothing at this address.' }

export function answerErrors(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) => answerWith(request, reply, NOT_FOUND))
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const answer = answerFor(error)
    if (answer.status === 503) {
      reply.header('retry-after', '1')
      if (isStoreAway(error)) request.log.warn({ reason: firstCause(error).message }, 'the store does not answer')
    } else if (answer.status >= 500) request.log.error({ err: error }, 'request failed')
    if (error instanceof TooManyRequestsError) reply.header('retry-after', error.retryAfter)
    if (error instanceof InteractionGoneError && wantsPage(request)) {
      return reply
        .code(answer.status)
        .headers(pageHeaders)
        .send(expiredPage({ device: request.url.startsWith('/device/') }))
    }
    return answerWith(request, reply, answer)
  })
}

/** Fastify's option `frameworkErrors`: its own words for an address that cannot be read repeat the address. */
export function answerUnreadable(error: { statusCode?: number }, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode: status = 400 } = error
  answerWith(request, reply, { status, error: 'invalid_request', description: 'The address cannot be read.' })
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

function answerFor(error: Error & { statusCode?: number }): Answer {
  if (error instanceof InteractionGoneError)
    return { status: 400, error: 'invalid_request', description: 'The request expired or was answered already.' }
  if (error instanceof InvalidRequestError) return { status: 400, error: error.code, description: error.message }
  if (error instanceof UnsupportedBodyError) return { status: 415, error: error.code, description: error.message }
  if (error instanceof TooManyRequestsError) return { status: 429, error: error.code, description: error.message }
  if (error instanceof BusyError) return { status: 503, error: error.code, description: error.message }
  if (isStoreAway(error))
    return { status: 503, error: 'temporarily_unavailable', description: 'Try again in a moment.' }
  // a client's document that could not be read (provider/clients/documents)
  const { error: code, error_description: description = '' } = error as { error?: string; error_description?: string }
  if (code === 'temporarily_unavailable') return { status: 503, error: code, description }
  const status = error instanceof GatehouseError ? 500 : (error.statusCode ?? 500)
  if (status >= 500)
    return {
      status: 500,
      error: 'server_error',
      description: 'Something went wrong on our side. Try again in a moment.',
    }
  // Fastify's own words about a request it could not read: size, type, encoding
  return { status, error: 'invalid_request', description: error.message }
}

export function answerWith(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, error, description }: Answer,
  next = { label: 'Start page', href: '/' },
): FastifyReply {
  if (!wantsPage(request))
    return reply.code(status).header('cache-control', 'no-store').send({ error, error_description: description })
  const html = errorPage({
    status,
    message: description,
    requestId: request.id,
    next,
  })
  return reply.code(status).headers(pageHeaders).send(html)
}
