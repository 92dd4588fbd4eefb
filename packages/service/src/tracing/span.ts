// Spans, as the rest of both services knows them: what is under way, as a part of what. Without tracing there is no tracer, and
// each function here does nothing but what it is given to do. The SDK is in sdk.ts, and loaded by nobody else.

import type { TraceContext } from '@gatehouse/shared'

/** Bounded, and no secret: names, codes, routes. Never what somebody sent as it came. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

export interface SpanOptions {
  /** Whether it answers somebody, or asks somebody else. */
  readonly kind?: 'server' | 'client' | undefined
  readonly attributes?: Attributes | undefined
  /**
   * By default the active span. Of `given`, which anybody may have sent, the trace goes on, and its flag "sampled" never makes us
   * record what we would not. Of `ours` the flag counts: we made it, and kept it where nobody else writes.
   */
  readonly parent?:
    | { readonly given: TraceContext | undefined }
    | { readonly ours: TraceContext | undefined }
    | undefined
  readonly links?: readonly (TraceContext | undefined)[] | undefined
}

export interface Span {
  readonly traceId: string
  /** For those who are asked on its behalf. */
  readonly context: TraceContext
  rename(name: string): void
  set(attributes: Attributes): void
  event(name: string, attributes?: Attributes): void
  link(context: TraceContext | undefined): void
  /** `type`: a code, never a message. The first one counts. */
  fail(type: string): void
  end(): void
  /** It is the active one in `work`, and in all that `work` begins. */
  run<T>(work: () => T): T
}

export interface Tracer {
  start(name: string, options?: SpanOptions): Span
  /** Undefined also where it has ended: what goes on in its wake is no part of it. */
  active(): Span | undefined
}

let tracer: Tracer | undefined

/** For this process. Undefined: nothing is traced. */
export function useTracer(next: Tracer | undefined): void {
  tracer = next
}

export function isTracing(): boolean {
  return tracer !== undefined
}

/** For what ends elsewhere than it begins; see {@link inSpan}. */
export function startSpan(name: string, options?: SpanOptions): Span | undefined {
  return tracer?.start(name, options)
}

export function activeSpan(): Span | undefined {
  return tracer?.active()
}

/** A span as long as `work` takes. What it throws is told by its code or name. */
export async function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  const span = tracer?.start(name, options)
  if (!span) return work(undefined)
  try {
    return await span.run(() => work(span))
  } catch (error) {
    span.fail(typeOf(error))
    throw error
  } finally {
    span.end()
  }
}

function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return '_OTHER'
  const { code } = error as { code?: unknown }
  return typeof code === 'string' || typeof code === 'number' ? String(code) : error.name
}
