import type { FastifyRequest } from 'fastify'

/**
 * How requests are logged: nothing that could hold a token. The request line without its query, where clients have put
 * tokens by mistake, and no headers; should one get into a line some other way, its value is struck out.
 */
export function logOptions(level: string) {
  return {
    level,
    redact: ['authorization', '*.authorization', '*.headers.authorization', '*.cookie', '*.headers.cookie'],
    serializers: {
      req: (request: FastifyRequest) => ({
        method: request.method,
        path: request.url.replace(/[?#].*$/s, ''),
        remoteAddress: request.ip,
      }),
      err: describeError,
    },
  }
}

/** What an error says of itself, and nothing that hangs on it: a Redis error carries the command, password included. */
function describeError(error: Error & { code?: unknown }): { type: string; message: string; stack: string } {
  const { name: type, message, stack = '', code, cause } = error
  return {
    type,
    message,
    stack,
    ...(code !== undefined && { code }),
    ...(cause instanceof Error && { cause: describeError(cause) }),
  }
}
