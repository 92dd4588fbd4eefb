// Audit lines to a collector: JSON lines by POST, as Vector, Fluent Bit, Loki's and Elastic's agents take them.
import type { Sent, Sink } from './queue.ts'

/** Milliseconds for one answer. */
const answersWithin = 10_000
/** What may be otherwise in a moment; other answers of 4xx say that these lines are never taken. */
const passing = new Set([401, 403, 404, 408, 425, 429])

export interface UrlSinkOptions {
  readonly url: string
  /** The header. Secret. */
  readonly authorization?: string | undefined
}

export function createUrlSink({ url, authorization }: UrlSinkOptions): Sink {
  const headers = { 'content-type': 'application/x-ndjson', ...(authorization !== undefined && { authorization }) }
  const left = new AbortController()
  return {
    async send(lines): Promise<Sent> {
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers,
          body: Buffer.concat(lines),
          // a redirect would take the credential elsewhere
          redirect: 'manual',
          signal: AbortSignal.any([left.signal, AbortSignal.timeout(answersWithin)]),
        })
        await response.body?.cancel()
        if (response.ok) return { arrived: lines.length }
        const { status } = response
        const isFinal = status >= 400 && status < 500 && !passing.has(status)
        return { arrived: 0, refused: isFinal ? lines.length : 0, error: new Error(`it answers ${status}`) }
      } catch (error) {
        return { arrived: 0, error: new Error(wordsFor(error as Error)) }
      }
    },
    close: async () => left.abort(),
  }
}

/** Without the URL, whose query may be a secret. */
function wordsFor({ name, cause }: Error): string {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  return name === 'TimeoutError' ? 'it does not answer in time' : `it cannot be reached (${code ?? name})`
}
