// What becomes of the bytes of an answer, once its head is known.
import type { AnswerHead, AnswerReader } from './guarded-http.ts'

export type AnswerBody = Omit<AnswerReader, 'head'>

const decoder = new TextDecoder()

/** Decides by the head who reads the rest. What ends an answer without a head is `onfailed`'s. */
export function byHead(bodyFor: (head: AnswerHead) => AnswerBody, onfailed: (error: Error) => void): AnswerReader {
  let body: AnswerBody | undefined
  return {
    head(head) {
      body = bodyFor(head)
    },
    data: (chunk) => body?.data(chunk),
    end: () => body?.end(),
    failed: (error) => (body ? body.failed(error) : onfailed(error)),
  }
}

/** All of it. `ontext` may throw: it has failed then. */
export function textBody(ontext: (text: string) => void, failed: (error: Error) => void): AnswerBody {
  const chunks: Buffer[] = []
  return {
    data: (chunk) => void chunks.push(chunk),
    end() {
      try {
        const [first] = chunks
        ontext(decoder.decode(first && chunks.length === 1 ? first : Buffer.concat(chunks)))
      } catch (error) {
        failed(error as Error)
      }
    },
    failed,
  }
}

export function ignoredBody(end: () => void, failed: (error: Error) => void): AnswerBody {
  return { data: () => undefined, end, failed }
}
