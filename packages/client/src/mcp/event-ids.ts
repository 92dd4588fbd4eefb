// Where an event stream of a session was left off (2025-11-25, Transports, Resumability): the id of its last event, to be
// sent as Last-Event-ID when the session is taken up again. The SDK keeps ids only within one connection.

import { isEventStream } from './bounded-answer.ts'

export type OnEventId = (id: string) => void

export interface EventIds {
  /** The last event of the session's own stream: the GET that names no other stream. */
  readonly last: string | undefined
  /** Tells the ids of the stream that is about to be resumed from `id`, also when it breaks and is resumed again. */
  follow(id: string, onEventId: OnEventId): void
  /** The answer to a GET, with its event ids read in passing. `from` is the request's Last-Event-ID. */
  watch(from: string | null, response: Response): Response
}

export function createEventIds(): EventIds {
  let last: string | undefined
  const followed = new Map<string, OnEventId>()
  const ownStream: OnEventId = (id) => {
    last = id
  }
  return {
    get last() {
      return last
    },
    follow: (id, onEventId) => void followed.set(id, onEventId),
    watch(from, response) {
      const tell = from === null || from === last ? ownStream : followed.get(from)
      if (!tell || !response.body || !isEventStream(response)) return response
      let previous = from ?? ''
      const body = response.body.pipeThrough(
        readIds((id) => {
          if (followed.delete(previous)) followed.set(id, tell)
          previous = id
          tell(id)
        }),
      )
      const { status, statusText, headers } = response
      return new Response(body, { status, statusText, headers })
    },
  }
}

/** Passes an event stream on unchanged and tells the `id:` of each event that came whole. */
function readIds(onId: OnEventId): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder()
  let rest = ''
  return new TransformStream({
    transform(chunk, controller) {
      const events = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n\r\n|\n\n|\r\r/)
      rest = events.pop() ?? ''
      for (const event of events) {
        const id = /^id: ?(.*)$/m.exec(event)?.[1]?.trim()
        if (id) onId(id)
      }
      controller.enqueue(chunk)
    },
  })
}
