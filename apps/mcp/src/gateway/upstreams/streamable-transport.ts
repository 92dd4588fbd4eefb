// Streamable HTTP, as a transport of the SDK: each message is a request of its own, whose answer is JSON or a stream of events; a
// session of the 2025 era has one more stream, for what belongs to no request. It knows no call: see peer.ts.
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Transport,
  type TransportSendOptions,
} from '@modelcontextprotocol/client'
import type { Caller } from '../identity/index.ts'
import { type AnswerBody, byHead, ignoredBody, textBody } from './answer-body.ts'
import { UpstreamError } from './contract.ts'
import { readEvents } from './event-stream.ts'
import { createExchanges, type Exchange } from './exchanges.ts'
import type { AnswerHead, GuardedHttp, HttpRequest, Target } from './guarded-http.ts'
import { envelopeHeaders } from './mirrored-envelope.ts'
import type { Reopening } from './reopening.ts'
import { isOk, mediaType, messagesIn, refusalOf, refusedWith } from './streamable-answers.ts'

export interface StreamableOptions {
  readonly http: GuardedHttp
  readonly target: Target
  readonly caller: Caller
  /** Sent with each request, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly sessionId?: string | undefined
  readonly protocolVersion?: string | undefined
  readonly reopening: () => Reopening
  /** What ends an answer that had begun. */
  readonly onfault: (error: UpstreamError) => void
  /** The stream of the session is there, or it is known that it does not come. */
  readonly onlistening?: (() => void) | undefined
  /** There is no (more of a) stream that there was. */
  readonly onover: () => void
}

export interface StreamableTransport extends Transport {
  readonly hasPerRequestStream: true
  readonly sessionId: string | undefined
  readonly protocolVersion: string | undefined
  setProtocolVersion(version: string): void
  /** Whether what was sent last is answered by a stream. */
  readonly isStreaming: boolean
  /** Opens the stream that a session has besides. */
  listen(): Promise<void>
  /** Tells the upstream that the session is over. */
  endSession(): Promise<void>
}

/** A stream of events, and who waits for what is on it. */
interface Stream {
  readonly signal?: AbortSignal | undefined
  /** It is over, and goes on nowhere. */
  readonly onend?: (() => void) | undefined
  /** The last event of it that there was. */
  readonly lastId?: string | undefined
}

/** What says that there is no stream of that kind (any more). */
const isOver = (status: number): boolean => [400, 404, 405, 410].includes(status)

export function createStreamableTransport(options: StreamableOptions): StreamableTransport {
  const { http, target, caller, headers, onfault, onlistening, onover } = options
  let { sessionId, protocolVersion } = options
  const exchanges = createExchanges(http, target, caller)
  let isClosed = false
  let isStreaming = false
  let hadStream = false
  let pauseWanted: number | undefined
  let reopening: Reopening | undefined
  let cancelReopening: (() => void) | undefined

  /** Nobody reads the answer any more. */
  const isGivenUp = (signal: AbortSignal | undefined): boolean => isClosed || signal?.aborted === true

  function sessionHeaders(): Record<string, string> {
    return {
      ...headers,
      ...(sessionId !== undefined && { 'mcp-session-id': sessionId }),
      ...(protocolVersion !== undefined && { 'mcp-protocol-version': protocolVersion }),
    }
  }

  function send(
    message: JSONRPCMessage,
    { requestSignal: signal, onRequestStreamEnd: onend, headers: given }: TransportSendOptions = {},
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const method = 'method' in message ? message.method : undefined
    const fail = (error: Error): void => {
      if (!isGivenUp(signal)) transport.onerror?.(error)
      reject(error)
    }

    function bodyFor(head: AnswerHead, exchange: Exchange): AnswerBody {
      const type = mediaType(head)
      isStreaming = type === 'text/event-stream'
      if (!isOk(head)) return textBody((text) => refused(head, text), fail)
      if (method === 'initialize') sessionId = head.header('mcp-session-id') || undefined
      if (method === 'notifications/initialized' && head.status === 202)
        return ignoredBody(() => {
          listen().catch(() => undefined)
          resolve()
        }, fail)
      if (method === undefined || !('id' in message) || head.status === 202) return ignoredBody(resolve, fail)
      if (isStreaming) {
        hadStream = true
        resolve()
        return eventsBody(exchange, { signal, onend })
      }
      if (type !== 'application/json') throw new Error(`Unexpected content type: ${type}`)
      return textBody((text) => {
        for (const one of messagesIn(text)) transport.onmessage?.(one)
        resolve()
      }, fail)
    }

    function refused(head: AnswerHead, text: string): void {
      const said = refusalOf(message, head, text)
      if (said) {
        transport.onmessage?.(said)
        resolve()
      } else fail(refusedWith(head, text))
    }

    const { 'mcp-session-id': session, ...others } = sessionHeaders()
    const own = {
      ...(given as Record<string, string> | undefined),
      ...others,
      ...(session !== undefined && method !== 'initialize' && { 'mcp-session-id': session }),
      ...envelopeHeaders(message),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    }
    const request: HttpRequest = { method: 'POST', headers: own, body: JSON.stringify(message) }
    exchanges.send(request, (exchange) => byHead((head) => bodyFor(head, exchange), fail), signal)
    return promise
  }

  /** `goesOn`: whether what breaks is opened again without an id of an event, too. */
  function eventsBody(exchange: Exchange, stream: Stream, goesOn = false): AnswerBody {
    const { signal, onend } = stream
    let { lastId } = stream
    const read = readEvents({
      onid(id) {
        lastId = id
      },
      onretry(pause) {
        pauseWanted = pause
      },
      onmessage(data) {
        try {
          const message = parseJSONRPCMessage(JSON.parse(data))
          if (!('method' in message)) exchange.isAnswered = true
          transport.onmessage?.(message)
        } catch (error) {
          transport.onerror?.(error as Error)
        }
      },
    })
    const over = (): void => {
      if (isGivenUp(signal)) return
      if ((goesOn || lastId !== undefined) && !exchange.isAnswered) reopen({ signal, onend, lastId })
      else onend?.()
    }
    return {
      data: (chunk) => void (isGivenUp(signal) || read(chunk)),
      end: over,
      failed(error) {
        if (isGivenUp(signal)) return
        if (error instanceof UpstreamError) onfault(error)
        transport.onerror?.(new Error(`The stream broke: ${error}`))
        over()
      },
    }
  }

  /** The stream that a session has besides, or the rest of one that broke. */
  function get(stream: Stream): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const { signal, lastId, onend } = stream
    const fail = (error: Error): void => {
      onlistening?.()
      if (!isGivenUp(signal)) transport.onerror?.(error)
      reject(error)
    }
    const bodyFor = (head: AnswerHead, exchange: Exchange): AnswerBody => {
      if (isOver(head.status) && (lastId !== undefined || hadStream)) onover()
      onlistening?.()
      if (isOk(head)) {
        hadStream = true
        resolve()
        return eventsBody(exchange, stream, true)
      }
      if (head.status !== 405) return ignoredBody(() => fail(refusedWith(head)), fail)
      onend?.()
      return ignoredBody(resolve, () => resolve())
    }
    const given = {
      ...sessionHeaders(),
      accept: 'text/event-stream',
      ...(lastId !== undefined && { 'last-event-id': lastId }),
    }
    exchanges.send({ method: 'GET', headers: given }, (own) => byHead((head) => bodyFor(head, own), fail), signal)
    return promise
  }

  function reopen(stream: Stream): void {
    reopening ??= options.reopening()
    cancelReopening = reopening(() => {
      cancelReopening = undefined
      if (isGivenUp(stream.signal)) return
      get(stream).catch(() => void (isGivenUp(stream.signal) || reopen(stream)))
    }, pauseWanted ?? 0)
  }

  const listen = (): Promise<void> => get({})

  function endSession(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    if (sessionId === undefined) resolve()
    else {
      const bodyFor = (head: AnswerHead) =>
        ignoredBody(() => {
          if (isOk(head) || head.status === 405) sessionId = undefined
          resolve()
        }, reject)
      exchanges.send({ method: 'DELETE', headers: sessionHeaders() }, () => byHead(bodyFor, reject))
    }
    return promise
  }

  const transport: StreamableTransport = {
    hasPerRequestStream: true,
    get sessionId() {
      return sessionId
    },
    get protocolVersion() {
      return protocolVersion
    },
    get isStreaming() {
      return isStreaming
    },
    setProtocolVersion(version) {
      protocolVersion = version
    },
    start: async () => undefined,
    send,
    listen,
    endSession,
    async close() {
      isClosed = true
      cancelReopening?.()
      exchanges.close()
      transport.onclose?.()
    },
  }
  return transport
}
