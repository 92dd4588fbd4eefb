// What can go wrong, for people (three parts: what, why, what to do) and for scripts (a stable code and an exit code).

/** The exit codes of the command: the one table, shown by `gatehouse --help`. */
export const exits = {
  ok: { code: 0, meaning: 'done' },
  unexpected: { code: 1, meaning: 'something this program did not foresee' },
  usage: { code: 2, meaning: 'the command line is wrong or incomplete' },
  signInNeeded: { code: 3, meaning: 'not signed in, or the sign-in is no longer accepted' },
  denied: { code: 4, meaning: 'a person or the server refused' },
  timedOut: { code: 5, meaning: 'nobody approved in time, or the answer took too long' },
  unreachable: { code: 6, meaning: 'a server cannot be reached, or is out of order' },
  metadataRefused: { code: 7, meaning: "the server's metadata is missing, wrong or unsafe" },
  toolFailed: { code: 8, meaning: 'the tool reported an error, or there is no such tool, prompt or resource' },
  doctorWarned: { code: 9, meaning: 'doctor: nothing is broken, but there are warnings' },
  doctorFoundFaults: { code: 10, meaning: 'doctor: the server has faults' },
  interrupted: { code: 130, meaning: 'stopped with Ctrl-C' },
} as const

type ExitName = keyof typeof exits

const exitOf = {
  unexpected: 'unexpected',
  store_unwritable: 'unexpected',
  usage: 'usage',
  client_id_needed: 'usage',
  not_signed_in: 'signInNeeded',
  signed_out: 'signInNeeded',
  secret_needed: 'signInNeeded',
  access_denied: 'denied',
  insufficient_scope: 'denied',
  request_refused: 'denied',
  expired: 'timedOut',
  timed_out: 'timedOut',
  unreachable: 'unreachable',
  not_found: 'unreachable',
  protocol_error: 'unreachable',
  metadata_missing: 'metadataRefused',
  metadata_invalid: 'metadataRefused',
  issuer_mismatch: 'metadataRefused',
  resource_mismatch: 'metadataRefused',
  unsafe_address: 'metadataRefused',
  session_ended: 'unreachable',
  tool_failed: 'toolFailed',
  request_failed: 'toolFailed',
  interrupted: 'interrupted',
} as const satisfies Record<string, ExitName>

export type ErrorCode = keyof typeof exitOf

/** What a 401 tells a client that is to sign in (RFC 6750 §3, RFC 9728 §5.1). */
export interface Challenge {
  /** Where the resource's metadata is. */
  readonly metadataUrl?: string | undefined
  /** Space-separated. */
  readonly scope?: string | undefined
}

export interface ClientErrorParts {
  /** Why, as far as it is known. */
  readonly reason?: string | undefined
  /** What to do about it, in one sentence. */
  readonly hint?: string | undefined
  /** The command of ours that does it, without the program's name: `login`. */
  readonly command?: string | undefined
  /** Seconds after which the server wants to be asked again (`Retry-After`). */
  readonly retryAfter?: number | undefined
  /** The OAuth error code behind it (RFC 6749 §5.2, RFC 8628 §3.5). */
  readonly oauthError?: string | undefined
  /** All scopes that the refused operation needs, space-separated (`insufficient_scope` only). */
  readonly requiredScope?: string | undefined
  /** What the server said when it asked for a sign-in (`not_signed_in` only). */
  readonly challenge?: Challenge | undefined
  readonly cause?: unknown
}

/** An error with something to tell. Callers switch on `code`, never on the message. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ErrorCode
  readonly reason: string | undefined
  readonly hint: string | undefined
  readonly command: string | undefined
  readonly retryAfter: number | undefined
  readonly oauthError: string | undefined
  readonly requiredScope: string | undefined
  readonly challenge: Challenge | undefined

  constructor(code: ErrorCode, message: string, parts: ClientErrorParts = {}) {
    super(message, { cause: parts.cause })
    this.code = code
    this.reason = parts.reason
    this.hint = parts.hint
    this.command = parts.command
    this.retryAfter = parts.retryAfter
    this.oauthError = parts.oauthError
    this.requiredScope = parts.requiredScope
    this.challenge = parts.challenge
  }

  get exitCode(): number {
    return exits[exitOf[this.code]].code
  }
}

/** Our own error inside what a library threw, which may have wrapped it: the first in the chain of causes. */
export function findClientError(thrown: unknown): ClientError | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 10; error = error.cause, depth += 1) {
    if (error instanceof ClientError) return error
  }
  return undefined
}
