/** In which forms a client reads an answer. */
export interface Accepted {
  readonly json: boolean
  readonly stream: boolean
}

/** What MCP has clients send. */
const usual = 'application/json, text/event-stream'
const both: Accepted = { json: true, stream: true }

/** Reads an `Accept` header (RFC 9110 §12.5.1): none means anything, and the most specific range decides. */
export function readAccept(header: string | undefined): Accepted {
  if (header === usual) return both
  const qualities = new Map<string, number>()
  for (const range of (header ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const quality = parameters.find((parameter) => parameter.startsWith('q='))
    if (type !== '') qualities.set(type, quality === undefined ? 1 : Number(quality.slice(2)))
  }
  const accepts = (...ranges: readonly string[]): boolean => {
    const decisive = ranges.find((range) => qualities.has(range))
    return qualities.size === 0 || (decisive !== undefined && Number(qualities.get(decisive)) > 0)
  }
  return {
    json: accepts('application/json', 'application/*', '*/*'),
    stream: accepts('text/event-stream', 'text/*', '*/*'),
  }
}
