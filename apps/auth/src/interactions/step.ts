// What a human step is given, and what it comes to.
import type { PendingRequest, PendingVisit } from './gate.ts'

/** What a person is signed in for, or asked about. */
export type Pending = PendingRequest | PendingVisit
export type Fields = Readonly<Record<string, unknown>>
/** `leave`: where the authorization server goes on from, which may be the app's own site. */
export type Answer =
  | { readonly redirect: string }
  | { readonly leave: string }
  | { readonly status: number; readonly html: string }
