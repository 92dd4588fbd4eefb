// Numbers for Prometheus, on a port of their own that nobody publishes. Labels are bounded: routes and statuses, never
// what a caller sent.
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'

const require = createRequire(import.meta.url)

/** Upper bounds in seconds: about what a store costs, what a login page costs, and what nobody waits for. */
const durations = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface Metrics {
  /**
   * Counts requests of `app`, those under way too, and how long each took until its connection let go of it. `routeOf`: what
   * stands for its route; undefined: nothing does. By default as the router has it.
   */
  measureRequests(app: FastifyInstance, routeOf?: (request: FastifyRequest) => string | undefined): void
  /** `read` is asked at each scrape; a reading that fails is left out. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void
  /** The same for each of several labelled values; a label that is not read any more is gone. */
  gauges<Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
    read: () => readonly { readonly labels: Record<Label, string>; readonly value: number }[],
  ): void
  /** Returns how to add a number of seconds: of what may take minutes. */
  histogram<Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
  ): (values: Record<Label, string>, seconds: number) => void
  /** Returns how to count one more, or so many. */
  counter<Label extends string>(
    name: string,
    help: string,
    labels: readonly Label[],
  ): (values: Record<Label, string>, more?: number) => void
  /** In the text format of Prometheus. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>
}

/** With what Node tells of its process, unless told otherwise: that is measured all the time. */
export function createMetrics({ ofProcess = true } = {}): Metrics {
  // loaded here: most services serve no metrics
  const {
    Counter,
    collectDefaultMetrics,
    Gauge,
    Histogram,
    Registry,
  }: typeof import('prom-client') = require('prom-client')
  const registry = new Registry()
  const registers = [registry]
  if (ofProcess) collectDefaultMetrics({ register: registry })
  return {
    measureRequests(app, routeOf = ({ routeOptions }) => routeOptions.url) {
      const underWay = new Gauge({
        name: 'gatehouse_http_requests_in_flight',
        help: 'Requests that are being answered, open streams included.',
        registers,
      })
      const duration = new Histogram({
        name: 'gatehouse_http_request_duration_seconds',
        help: 'From the first byte of a request to the end of its answer.',
        labelNames: ['method', 'route', 'status'] as const,
        buckets: durations,
        registers,
      })
      app.addHook('onRequest', async (request, reply) => {
        const started = performance.now()
        underWay.inc()
        // not onResponse: it stays away when the caller hangs up
        reply.raw.once('close', () => {
          underWay.dec()
          const labels = {
            method: request.method,
            route: routeOf(request) ?? 'none',
            status: String(reply.raw.statusCode),
          }
          duration.observe(labels, (performance.now() - started) / 1000)
        })
      })
    },

    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.reset()
          try {
            this.set(await read())
          } catch {
            this.remove()
          }
        },
      })
    },

    gauges(name, help, labelNames, read) {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset()
          for (const { labels, value } of read()) this.set(labels, value)
        },
      })
    },

    histogram(name, help, labelNames) {
      const histogram = new Histogram({ name, help, labelNames, buckets: [...durations, 60, 600], registers })
      return (values, seconds) => histogram.observe(values, seconds)
    },

    counter(name, help, labelNames) {
      const counter = new Counter({ name, help, labelNames, registers })
      return (values, more = 1) => counter.inc(values, more)
    },

    read: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

/** `METRICS_PORT`: undefined without one. A fault is added to `faults`. */
export function readMetricsPort(value: string | undefined, faults: string[]): number | undefined {
  if (!value) return undefined
  const port = Number(value)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    faults.push('METRICS_PORT must be a port number from 0 to 65535.')
  return port
}

export interface MetricsServer {
  /** The port, for the one who asked for any. */
  readonly port: number
  close(): Promise<void>
}

/** `GET /metrics` and nothing else. Throws what listening throws. */
export async function serveMetrics(
  metrics: Metrics,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<MetricsServer> {
  const app = fastify({ logger: false, forceCloseConnections: true })
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics.read()
    return reply.type(contentType).send(text)
  })
  await app.listen({ host, port })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}
