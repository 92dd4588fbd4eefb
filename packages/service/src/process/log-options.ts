import type { FastifyReply, FastifyRequest } from 'fastify'
import { isOfRequest } from '../tracing/requests.ts'
import { activeSpan, isTracing } from '../tracing/span.ts'

/**
 * For pino: how requests and errors are logged, with nothing that could hold a secret. A request's line has its path
 * without the query, where codes, states and tokens travel, and no headers. Should a token or a cookie get into a line some
 * other way, its value is struck out; so is what looks like a token in a path or an error, where clients put them by mistake.
 * `shownPath` shortens a path that is a secret itself.
 */
export function logOptions(level: string, shownPath: (path: string) => string = (path) => path) {
  return {
    level,
    redact: ['authorization', '*.authorization', '*.headers.authorization', '*.cookie', '*.headers.cookie'],
    serializers: {
      req: ({ method, url, ip }: FastifyRequest) => ({
        method,
        path: shownPath(url.replace(/[?#].*$/s, '')).replaceAll(longWord, '…'),
        remoteAddress: ip,
      }),
      res: ({ statusCode }: Pick<FastifyReply, 'statusCode'>) => ({ statusCode }),
      err: describeError,
    },
    ...(isTracing() && { mixin: traceOf }),
  }
}

/** For lines that are written on behalf of a request, and not by its own logger. */
function traceOf(_line: object, _level: number, logger: object): { trace_id?: string } {
  const span = isOfRequest(logger) ? undefined : activeSpan()
  return span ? { trace_id: span.traceId } : {}
}

/** Tokens, codes and ids are longer than the words of our own paths. */
const longWord = /[\w-]{40,}/g
/** A JWT. It begins where a word does: each text is gone through once. */
const accessToken = /(?<![\w-])eyJ[\w-]{8,}\.[\w.-]+/g

/** What an error says of itself, and nothing that hangs on it: a Redis error carries the command, password included. */
function describeError(error: Error & { code?: unknown }): { type: string; message: string; stack: string } {
  const { name: type, message, stack = '', code, cause } = error
  return {
    type,
    message: message.replaceAll(accessToken, '…'),
    stack: stack.replaceAll(accessToken, '…'),
    ...(code !== undefined && { code }),
    ...(cause instanceof Error && { cause: describeError(cause) }),
  }
}
