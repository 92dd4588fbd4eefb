// W3C Trace Context: which trace a request is part of, as headers, variables of a process and `_meta` of MCP say it.

/** By the names of the headers. No secret, and no claim: anybody may send any. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string | undefined
}

const form = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
/** Characters: what everybody has to pass on (W3C Trace Context §3.3.1.5). */
const longestState = 512

/** Undefined for anything else. A `tracestate` that is too long is left out. */
export function traceContextIn(members: unknown): TraceContext | undefined {
  if (typeof members !== 'object' || members === null) return undefined
  const { traceparent, tracestate } = members as Readonly<Record<string, unknown>>
  if (typeof traceparent !== 'string' || !form.test(traceparent)) return undefined
  const isState = typeof tracestate === 'string' && tracestate.length <= longestState
  return { traceparent, ...(isState && { tracestate }) }
}
