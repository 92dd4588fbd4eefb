// What the doctor looks for, as data: each check in a file of its group under checks/, all of them in checks/index.ts.
import type { ClientName } from './clients.ts'
import type { Evidence } from './evidence.ts'

/**
 * fault: breaks a MUST of a specification, or keeps a client that is named from connecting by discovery alone.
 * warning: works with most, hurts some, or later. note: worth knowing; nothing is broken.
 */
export type Severity = 'fault' | 'warning' | 'note'

/** One place where a check found something. Texts may hold what the server said, uncleaned. */
export interface Occurrence {
  readonly what: string
  /** The clients that cannot connect because of it, where that differs from the check's. */
  readonly stops?: readonly ClientName[]
  /** What to do, where that differs from the check's. */
  readonly fix?: string
}

export interface Check {
  /** Stable: people search for it, scripts switch on it. */
  readonly id: string
  readonly severity: Severity
  /** What to do about it, one sentence. */
  readonly fix: string
  /** The section of the specification: `RFC 9728 §3.3`. */
  readonly spec: string
  /** The clients that cannot connect because of it. */
  readonly stops?: readonly ClientName[]
  /** What is wrong; nothing: it is fine, or cannot be told. */
  find(evidence: Evidence): readonly (Occurrence | string)[]
}

/** A check's finding, ready to be told. */
export interface Finding {
  readonly id: string
  readonly severity: Severity
  readonly what: string
  readonly fix: string
  readonly spec: string
  readonly stops: readonly ClientName[]
}

/** Nothing, or the one text, for checks that look at one place. */
export function when(wrong: boolean | undefined, what: Occurrence | string): readonly (Occurrence | string)[] {
  return wrong ? [what] : []
}
