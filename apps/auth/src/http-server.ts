// What all routes are mounted on: how much of a request is read, how it is traced and measured, and what is said of one that
// cannot be read. Which requests are answered, and how it ends, is said in app.ts.
import {
  connectionLimits,
  type Metrics,
  requestLines,
  requestReading,
  requestTracing,
  traceRequests,
  withoutSchemas,
} from '@gatehouse/service'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { answerUnreadable } from './http-errors.ts'

/** Bytes of a form or of a registration. */
const longestBody = 56 * 1024

export interface HttpServerOptions extends Pick<Config, 'trustProxy'> {
  readonly logger: FastifyBaseLogger | undefined
  readonly metrics: Metrics | undefined
}

export function createHttpServer({ trustProxy, logger, metrics }: HttpServerOptions): FastifyInstance {
  const app = Fastify({
    ...(logger ? { loggerInstance: logger } : { logger: false }),
    ...requestReading(trustProxy),
    ...withoutSchemas(),
    ...requestTracing(),
    ...requestLines(),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    ...connectionLimits,
    genReqId: () => crypto.randomUUID(),
    bodyLimit: longestBody,
    routerOptions: { maxParamLength: 128 },
    frameworkErrors: answerUnreadable,
  })
  traceRequests(app)
  metrics?.measureRequests(app)
  return app
}
