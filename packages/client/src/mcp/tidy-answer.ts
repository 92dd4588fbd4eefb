// What MCP servers write, tidied for the SDK, whose schemas take an absent member but not one that is `null`.
import { isEventStream } from './bounded-answer.ts'

/** Members whose value is a tool's, a schema's or somebody else's to write: `null` in them has a meaning. */
const foreign: ReadonlySet<string> = new Set([
  'structuredContent',
  'inputSchema',
  'outputSchema',
  'requestedSchema',
  'arguments',
  'data',
  '_meta',
])

/** The response with JSON-RPC messages that have no `null` where the SDK takes none: one body, or the events of a stream. */
export async function tidyAnswer(response: Response): Promise<Response> {
  const { body, headers, status, statusText } = response
  if (!body || !response.ok) return response
  const init = { status, statusText, headers }
  if (isEventStream(response)) return new Response(body.pipeThrough(tidyLines()), init)
  if (!/json/i.test(headers.get('content-type') ?? '')) return response
  return new Response(tidyText(await response.text()), init)
}

/** The message in a text of JSON; the text itself where there is nothing to tidy, or no message. */
function tidyText(text: string): string {
  if (!/:\s*(null|"")/.test(text)) return text
  try {
    return JSON.stringify(withoutNull(JSON.parse(text)))
  } catch {
    return text // no JSON: for the SDK to refuse
  }
}

/**
 * A message without members that are `null`, except an `id` (JSON-RPC 2.0 §5), and without a cursor that is empty: that
 * one, sent back, is the first page.
 */
function withoutNull(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutNull)
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      if ((member === null && name !== 'id') || (member === '' && name === 'nextCursor')) return []
      return [[name, isForeign(name, member) ? member : withoutNull(member)]]
    }),
  )
}

/** A prompt's `arguments` are a list of ours; a call's are not. */
function isForeign(name: string, member: unknown): boolean {
  return foreign.has(name) && !(name === 'arguments' && Array.isArray(member))
}

/** Tidies each `data:` line that holds a whole message, and passes everything else on as it is. */
function tidyLines(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder()
  const encoder = new TextEncoder()
  let begun: string[] = []
  return new TransformStream({
    transform(chunk, controller) {
      const text = decoder.decode(chunk, { stream: true })
      const end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1
      if (end > 0) {
        const lines = begun.join('') + text.slice(0, end)
        controller.enqueue(encoder.encode(lines.replace(/^data:(.*)$/gm, (_, data) => `data:${tidyText(data)}`)))
        begun = []
      }
      if (end < text.length) begun.push(text.slice(end))
    },
    flush: (controller) => controller.enqueue(encoder.encode(begun.join(''))),
  })
}
