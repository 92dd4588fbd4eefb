// One JSON line an event. A request's line has its path without the query: codes, states and user codes travel there.
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { pino } from 'pino'

export function createLogger(level: string): FastifyBaseLogger {
  return pino({
    level,
    name: 'auth',
    serializers: {
      req: (request: FastifyRequest) => ({ method: request.method, path: withoutSecrets(request.url), remoteAddress: request.ip }),
      res: (reply: { statusCode: number }) => ({ statusCode: reply.statusCode }),
      err: pino.stdSerializers.err,
    },
  })
}

/** Drops the query, and the id of an interaction, which is as good as its cookie. */
function withoutSecrets(url: string): string {
  const path = url.split('?')[0] ?? ''
  return path.replace(/^\/(interaction|authorize|device)\/[^/]+/, '/$1/…')
}
