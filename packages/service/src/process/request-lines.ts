// The two lines in the log of each request: it came, and it was answered.
import {
  type FastifyBaseLogger,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import { isTracing } from '../tracing/span.ts'

/**
 * Options for Fastify. What these lines have was chosen by `logOptions`, member by member, so that nothing has to be struck out
 * of them: that takes longer than to write them. All other lines of a request are written by its own logger.
 */
export function requestLines(): Pick<FastifyServerOptions, 'logController'> {
  // with a trace a line has its id: the logger of the request knows it
  return isTracing() ? {} : { logController: new RequestLines() }
}

class RequestLines extends LogController {
  #log: FastifyBaseLogger | undefined

  override incomingRequest(request: FastifyRequest): void {
    this.#logFor(request).info({ reqId: request.id, req: request }, 'incoming request')
  }

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const { id: reqId } = request
    const { elapsedTime: responseTime } = reply
    if (error) super.requestCompleted(error, request, reply)
    else this.#logFor(request).info({ reqId, res: reply, responseTime }, 'request completed')
  }

  #logFor({ server }: FastifyRequest): FastifyBaseLogger {
    this.#log ??= server.log.child({}, { redact: [] })
    return this.#log
  }
}
