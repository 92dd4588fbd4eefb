// The requests of one transport that are under way, and how they end with it.
import type { Caller } from '../identity/index.ts'
import type { AnswerReader, EndRequest, GuardedHttp, HttpRequest, Target } from './guarded-http.ts'

export interface Exchange {
  end: EndRequest
  /** What it was made for is here; its stream is not over yet. */
  isAnswered: boolean
  cancelEnd?: () => void
}

export interface Exchanges {
  /** Aborting `signal` ends it. */
  send(request: HttpRequest, readerOf: (own: Exchange) => AnswerReader, signal?: AbortSignal): void
  /** Ends all of them. */
  close(): void
}

/** Milliseconds for a stream to end in that has its answer: then its connection serves the next request. */
const endLimit = 1_000
const closed = Object.assign(new Error('The connection was closed'), { name: 'AbortError' })

export function createExchanges(http: GuardedHttp, target: Target, caller: Caller): Exchanges {
  const underWay = new Set<Exchange>()

  function leave(own: Exchange): void {
    if (!own.isAnswered) {
      own.end(closed)
      return
    }
    const timer = setTimeout(() => own.end(closed), endLimit).unref()
    own.cancelEnd = () => clearTimeout(timer)
  }

  return {
    send(request, readerOf, signal) {
      const own: Exchange = { end: () => undefined, isAnswered: false }
      const reader = readerOf(own)
      const done = (): void => {
        own.cancelEnd?.()
        underWay.delete(own)
      }
      underWay.add(own)
      own.end = http.send(target, request, caller, {
        head: reader.head,
        data: reader.data,
        end() {
          done()
          reader.end()
        },
        failed(error) {
          done()
          reader.failed(error)
        },
      })
      if (underWay.has(own)) signal?.addEventListener('abort', () => own.end(closed), { once: true })
    },
    close() {
      for (const own of underWay) leave(own)
    },
  }
}
