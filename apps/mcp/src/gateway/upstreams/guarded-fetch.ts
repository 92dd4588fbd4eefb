// The guarded HTTP in the form of `fetch`, for the SDK's transport of HTTP+SSE: one stream for as long as an owner has it.
import type { FetchLike } from '@modelcontextprotocol/client'
import type { Caller } from '../identity/index.ts'
import { UpstreamError } from './contract.ts'
import { type AnswerReader, type GuardedHttp, type HttpRequest, targetOf } from './guarded-http.ts'

/** `caller`: for whom each request is made. `onfault` is told what ends an answer that had begun: the SDK makes words of it. */
export function fetchOver(http: GuardedHttp, onfault: (error: UpstreamError) => void, caller: () => Caller): FetchLike {
  return (url, { method = 'GET', headers, body, signal } = {}) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const { reader, ended } = responseReader(resolve, reject, onfault)
      const request: HttpRequest = {
        method: method as HttpRequest['method'],
        headers: Object.fromEntries(new Headers(headers)),
        ...(typeof body === 'string' && { body }),
      }
      const end = http.send(targetOf(url), request, caller(), reader)
      void ended.then(end)
      signal?.addEventListener('abort', () => end(signal.reason), { once: true })
    })
}

function responseReader(
  resolve: (response: Response) => void,
  reject: (error: Error) => void,
  onfault: (error: UpstreamError) => void,
): { readonly reader: AnswerReader; readonly ended: Promise<Error> } {
  const { promise: ended, resolve: giveUp } = Promise.withResolvers<Error>()
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined
  let isCancelled = false
  const reader: AnswerReader = {
    head({ status, statusText, header }) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          stream = controller
        },
        cancel() {
          isCancelled = true
          giveUp(new Error('Nobody reads the answer any more'))
        },
      })
      const type = header('content-type')
      const isEmpty = status === 204 || status === 205 || status === 304
      const given = { status, statusText, ...(type !== undefined && { headers: { 'content-type': type } }) }
      resolve(new Response(isEmpty ? null : body, given))
    },
    data: (chunk) => void (isCancelled || stream?.enqueue(chunk)),
    end: () => void (isCancelled || stream?.close()),
    failed(error) {
      if (!stream) return reject(error)
      if (error instanceof UpstreamError) onfault(error)
      if (!isCancelled) stream.error(error)
    },
  }
  return { reader, ended }
}
