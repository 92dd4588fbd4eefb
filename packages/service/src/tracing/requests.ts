// A span for each request that a service answers, by the conventions of OpenTelemetry for HTTP. It has the route and never
// the path, no query, no header and no address: codes and ids travel in the first three, and the audit has the last.
import type { IncomingMessage } from 'node:http'
import { traceContextIn } from '@gatehouse/shared'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify'
import { isProbe } from '../process/health.ts'
import { isTracing, type Span, startSpan } from './span.ts'

const spans = new WeakMap<IncomingMessage, Span>()
/** Loggers of requests, whose lines have the id of the trace as it is. */
const loggers = new WeakSet<object>()

/** Options for Fastify: a request has its span before its first line in the log. Without tracing: none. */
export function requestTracing(): Pick<FastifyServerOptions, 'childLoggerFactory'> {
  if (!isTracing()) return {}
  return {
    childLoggerFactory(logger, bindings, options, raw) {
      const span = spans.get(raw) ?? startRequest(raw)
      if (!span) return logger.child(bindings, options)
      const child = logger.child({ ...bindings, trace_id: span.traceId }, options)
      loggers.add(child)
      return child
    },
  }
}

/** Before all other hooks. `routeOf`: what stands for its route, see `measureRequests`. */
export function traceRequests(
  app: FastifyInstance,
  routeOf: (request: FastifyRequest) => string | undefined = ({ routeOptions }) => routeOptions.url,
): void {
  if (!isTracing()) return
  app.addHook('onRequest', (request, reply, done) => {
    const span = spans.get(request.raw)
    if (!span) return done()
    // not onResponse: it stays away when the caller hangs up
    reply.raw.once('close', () => {
      const route = routeOf(request)
      const { statusCode, writableFinished } = reply.raw
      if (route !== undefined) span.rename(`${request.method} ${route}`)
      span.set({ 'http.route': route, ...(writableFinished && { 'http.response.status_code': statusCode }) })
      if (!writableFinished) span.set({ 'error.type': 'client_left' })
      else if (statusCode >= 500) span.fail(String(statusCode))
      span.end()
    })
    span.run(done)
  })
}

/** Whether lines of this logger have the id of their trace without our doing. */
export function isOfRequest(logger: FastifyBaseLogger | object): boolean {
  return loggers.has(logger)
}

function startRequest(raw: IncomingMessage): Span | undefined {
  if (isProbe(raw.url ?? '')) return undefined
  const { headers, method = '' } = raw
  const span = startSpan(method, {
    kind: 'server',
    attributes: { 'http.request.method': method },
    parent: { given: traceContextIn(headers) },
  })
  if (span) spans.set(raw, span)
  return span
}
