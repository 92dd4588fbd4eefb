// What replicas say to one another about a call.
import type { TraceContext } from '@gatehouse/shared'
import type { Json } from '../upstreams/contract.ts'

export type Message =
  | {
      readonly kind: 'do'
      readonly call: string
      readonly operation: string
      readonly input: Json
      /** Of the span that it is a part of. */
      readonly trace?: TraceContext | undefined
    }
  | { readonly kind: 'stop'; readonly call: string }
  /** What became of it, as the caller asks who hears nothing; the doer has begun, or knows nothing of it. */
  | { readonly kind: 'sought'; readonly call: string }
  | { readonly kind: 'begun'; readonly call: string }
  | { readonly kind: 'unknown'; readonly call: string }
  | { readonly kind: 'told'; readonly call: string; readonly events: readonly Json[] }
  | { readonly kind: 'asked'; readonly call: string; readonly id: number; readonly question: Json }
  | {
      readonly kind: 'answered'
      readonly call: string
      readonly id: number
      readonly answer?: Json
      readonly error?: Json
    }
  | { readonly kind: 'done'; readonly call: string; readonly result?: Json; readonly error?: Json }

/** Of the one who does it. */
export type FromDoer = Exclude<Message, { kind: 'do' | 'answered' | 'stop' | 'sought' }>
