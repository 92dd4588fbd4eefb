// How the answer to a request that stands alone (2026-07-28) leaves on the short way: JSON, written at once, unless something
// is said before it. The form, the headers and the statuses are those that answer.ts makes of the SDK's own.
import { keepAliveComment, streamHeaders } from '@gatehouse/mcp-sessions'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readAccept } from './accept.ts'
import { type AnswerOptions, failureOf, jsonHeaders } from './answer.ts'
import type { Answered, Asker } from './exchanges.ts'
import { idOf } from './message.ts'
import type { Write } from './unsent-bytes.ts'

/** Answers a request with what `begin` leads to, to its end. What `begin` returns is called if the client leaves before. */
export type AnswerAlone = (
  request: FastifyRequest,
  reply: FastifyReply,
  begin: (asker: Asker) => () => void,
) => Promise<void>

/** As the SDK's streams of one request have them, and in its order. */
const saidHeaders = {
  'cache-control': 'no-cache, no-transform',
  connection: 'keep-alive',
  'content-type': 'text/event-stream',
  'x-accel-buffering': 'no',
} as const
/** The client cannot do what is asked of it: it says so of HTTP, too. */
const missingCapability = -32_021

export function createAnswerAlone({ unsent, keepAlive, onerror }: AnswerOptions): AnswerAlone {
  return (request, reply, begin) => {
    const { raw: response } = reply
    if (response.destroyed) return Promise.resolve()
    const { promise: done, resolve: finish } = Promise.withResolvers<void>()
    const accepted = readAccept(request.headers.accept)
    let writer: Write | undefined
    const write: Write = (chunk) => {
      writer ??= unsent.writerFor(response)
      return writer(chunk)
    }
    let wasSaid = false
    let cancel = (): void => undefined

    const speak = (): void => {
      if (!response.headersSent) response.writeHead(200, streamHeaders)
      write(keepAliveComment)
    }
    let beat = accepted.stream ? setInterval(speak, keepAlive).unref() : undefined
    const event = (message: object): void => void write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
    const end = (): void => {
      clearInterval(beat)
      response.off('close', leave)
      finish()
    }
    function leave(): void {
      end()
      cancel()
    }
    response.once('close', leave)

    function send(status: number, message: object): void {
      if (response.headersSent || (status === 200 && !accepted.json && !wasSaid)) {
        if (!response.headersSent) response.writeHead(200, streamHeaders)
        event(message)
        response.end()
        return
      }
      const text = JSON.stringify(message)
      response.writeHead(status, jsonHeaders(text))
      unsent.finish(response, text)
    }

    const asker: Asker = {
      said(message) {
        if (!wasSaid) {
          wasSaid = true
          clearInterval(beat)
          if (accepted.stream && !response.headersSent) response.writeHead(200, saidHeaders)
          if (accepted.stream) beat = setInterval(() => write(keepAliveComment), keepAlive).unref()
        }
        // who reads JSON alone gets the answer alone
        if (accepted.stream) event(message)
      },
      answered(message) {
        end()
        send(!wasSaid && errorCodeOf(message) === missingCapability ? 400 : 200, message)
      },
      ended() {
        end()
        if (wasSaid && !accepted.stream) return fail(new Error('a stream ended without an answer'))
        if (!response.headersSent) response.writeHead(499)
        response.end()
      },
    }

    function fail(error: Error): void {
      end()
      onerror(error)
      send(500, failureOf(idOf(request.body)))
    }
    try {
      cancel = begin(asker)
    } catch (error) {
      fail(error as Error)
    }
    return done
  }
}

function errorCodeOf(message: Answered): number | undefined {
  return 'error' in message ? message.error.code : undefined
}
