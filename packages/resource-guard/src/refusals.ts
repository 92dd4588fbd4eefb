// Every answer of the guard that is no: few codes for many private reasons. Descriptions go into a header: no quotes.
import type { RefusalReason } from './errors.ts'

export interface Refusal {
  readonly status: 400 | 401 | 403
  /** Undefined where no token was sent: RFC 6750 §3.1 wants no error code then. */
  readonly error: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | undefined
  readonly description: string
}

export const refusals = {
  noToken: {
    status: 401,
    error: undefined,
    description: 'A bearer token is required: WWW-Authenticate says where to get one',
  },
  noBearerToken: { status: 401, error: 'invalid_token', description: 'Authorization must be Bearer and one token' },
  twice: { status: 400, error: 'invalid_request', description: 'Authorization was sent more than once' },
  expired: { status: 401, error: 'invalid_token', description: 'The access token has expired' },
  notYet: {
    status: 401,
    error: 'invalid_token',
    description: 'The access token is from the future: the clocks of its issuer and of this server differ',
  },
  bound: {
    status: 401,
    error: 'invalid_token',
    description: 'The access token is bound to a key, which cannot be checked here: ask for a bearer token',
  },
  invalid: { status: 401, error: 'invalid_token', description: 'The access token is not valid here' },
  scope: { status: 403, error: 'insufficient_scope', description: 'The access token lacks a scope that this needs' },
} as const satisfies Record<string, Refusal>

/** What a caller is told of why its token was refused; of all else that it is not valid. */
export const publicReasons: Partial<Record<RefusalReason, keyof typeof refusals>> = {
  expired: 'expired',
  not_yet: 'notYet',
  bound: 'bound',
}
