// One JSON line an event. A request's line has its path without the query: codes, states and user codes travel there.
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { type DestinationStream, pino } from 'pino'

export function createLogger(level: string, destination: DestinationStream): FastifyBaseLogger {
  const options = {
    level,
    name: 'auth',
    serializers: {
      req: (request: FastifyRequest) => ({
        method: request.method,
        path: withoutSecrets(request.url),
        remoteAddress: request.ip,
      }),
      res: (reply: { statusCode: number }) => ({ statusCode: reply.statusCode }),
      err: describeError,
    },
  }
  return pino(options, destination)
}

/** What an error says of itself, and nothing that hangs on it: a Redis error carries the command, password included. */
function describeError(error: Error & { code?: unknown }): object {
  const { name: type, message, stack, code, cause } = error
  return {
    type,
    message,
    stack,
    ...(code !== undefined && { code }),
    ...(cause instanceof Error && { cause: describeError(cause) }),
  }
}

/** Drops the query, and the id of an interaction, which is as good as its cookie. */
function withoutSecrets(url: string): string {
  const path = url.split('?')[0] ?? ''
  return path.replace(/^\/(interaction|authorize|device)\/[^/]+/, '/$1/…')
}
