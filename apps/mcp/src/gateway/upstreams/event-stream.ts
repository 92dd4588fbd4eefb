// A stream of events (HTML, "Server-sent events") as MCP uses it: bytes in, messages out, and how it may be gone on with.
import { createParser } from 'eventsource-parser'

export interface EventStreamOptions {
  /** `data` of an event of the kind that carries messages. */
  readonly onmessage: (data: string) => void
  readonly onid: (id: string) => void
  /** Milliseconds. */
  readonly onretry: (pause: number) => void
}

/** What it returns takes the bytes of one stream as they come. An event that is not whole is left out. */
export function readEvents({ onmessage, onid, onretry }: EventStreamOptions): (chunk: Uint8Array) => void {
  const decoder = new TextDecoder()
  const parser = createParser({
    onEvent({ id, event, data }) {
      if (id) onid(id)
      if (data !== '' && (event === undefined || event === 'message')) onmessage(data)
    },
    onRetry: onretry,
  })
  return (chunk) => parser.feed(decoder.decode(chunk, { stream: true }))
}
