// How much of an MCP server's answer is taken in: the SDK reads whatever comes, whole.

import { ClientError } from '@gatehouse/network'
import { createDepthMeter } from '@gatehouse/shared'

/** For one JSON body, for one event of a stream, and for all pages of a list together. */
export const mostBytes = 16 * 1024 * 1024

const lf = 10
const cr = 13

/** Counts what came so far; shared by the answers that are bounded together. */
export interface Tally {
  bytes: number
}

export interface BoundOptions {
  readonly url: URL
  /** Absent: this answer has the whole bound for itself, and each event of a stream too. */
  readonly tally?: Tally | undefined
  /** Told before the body fails: the SDK takes the failure of a stream for a connection that broke. */
  readonly onTooMuch?: ((error: ClientError) => void) | undefined
}

/**
 * The response with a body that fails with `protocol_error` beyond {@link mostBytes}, counted after decompression, and
 * for JSON that is nested too deep. A stream goes on for as long as its events are small: only what is kept counts.
 */
export function boundAnswer(response: Response, { url, tally, onTooMuch }: BoundOptions): Response {
  if (!response.body) return response
  const perEvent = tally === undefined && isEventStream(response)
  const count = tally ?? { bytes: 0 }
  const endsInEvent = perEvent ? createEventEnds() : undefined
  const isTooDeep = createDepthCheck(response)
  const bounded = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const left = endsInEvent?.(chunk)
      count.bytes = left === undefined ? count.bytes + chunk.length : left
      const fault = count.bytes > mostBytes ? tooMuch(url, perEvent) : isTooDeep(chunk, left) ? tooDeep(url) : undefined
      if (fault) {
        onTooMuch?.(fault)
        throw fault
      }
      controller.enqueue(chunk)
    },
  })
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(bounded), { status, statusText, headers })
}

/** Whether an answer is an event stream (HTML Living Standard §9.2.5); media types have no case. */
export function isEventStream({ headers, ok }: Response): boolean {
  return ok && /^text\/event-stream\s*(;|$)/i.test(headers.get('content-type') ?? '')
}

/** For each chunk, of which the last `left` bytes are of another event. Other answers than JSON have no depth. */
function createDepthCheck(response: Response): (chunk: Uint8Array, left?: number) => boolean {
  const isJson = /json/i.test(response.headers.get('content-type') ?? '') || isEventStream(response)
  if (!isJson) return () => false
  let isTooDeep = createDepthMeter()
  return (chunk, left) => {
    if (left === undefined) return isTooDeep(chunk)
    const end = chunk.length - left
    if (isTooDeep(chunk.subarray(0, end))) return true
    isTooDeep = createDepthMeter()
    return isTooDeep(chunk.subarray(end))
  }
}

/** For each chunk: how many of its bytes follow the last blank line, where an event ends; `undefined`: no blank line. */
function createEventEnds(): (chunk: Uint8Array) => number | undefined {
  let lineIsEmpty = true
  let previous = 0
  return (chunk) => {
    let end: number | undefined
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at]
      const isBreak = byte === lf || byte === cr
      const isRestOfBreak = byte === lf && previous === cr
      if (isBreak && lineIsEmpty && !isRestOfBreak) end = at + 1
      if (!isRestOfBreak) lineIsEmpty = isBreak
      previous = byte ?? 0
    }
    return end === undefined ? undefined : chunk.length - end
  }
}

function tooMuch(url: URL, perEvent: boolean): ClientError {
  return new ClientError('protocol_error', `${url.href} sends too much.`, {
    reason: `${perEvent ? 'One event of its answer' : 'Its answer'} is larger than ${mostBytes / 1024 / 1024} MiB.`,
    hint: 'Ask for less if you can; otherwise this is for the people who run the server to repair.',
  })
}

function tooDeep(url: URL): ClientError {
  return new ClientError('protocol_error', `${url.href} sends something that cannot be read.`, {
    reason: 'Its answer is nested more than 64 levels deep.',
    hint: 'This is for the people who run the server to repair.',
  })
}
