// The trace that this program is a part of, as its environment says: TRACEPARENT and TRACESTATE, which other programs read.
import type { Fetch } from '@gatehouse/network'
import { type Environment, type TraceContext, traceContextIn } from '@gatehouse/shared'

/** What is no trace context counts as none: a program that only wants to be seen does not fail by it. */
export function readTraceContext({ TRACEPARENT, TRACESTATE }: Environment): TraceContext | undefined {
  return traceContextIn({ traceparent: TRACEPARENT, tracestate: TRACESTATE })
}

/** Tells each server of it. */
export function createTracedFetch(context: TraceContext, fetch: Fetch): Fetch {
  return (url, init = {}) => {
    const headers = new Headers(init.headers)
    for (const [name, value] of Object.entries(context)) headers.set(name, value)
    return fetch(url, { ...init, headers })
  }
}
