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
    },
  }
}
