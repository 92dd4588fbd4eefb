// The one table of what we refuse with: status, code, words, and when to come back. Fastify's side (http-errors.ts) and the
// engine's (provider/engine-errors.ts) are adapters of it. What the engine finds of a request itself is in its own words.
import { GatehouseError, TooManyRequestsError } from './errors.ts'

export interface WireError {
  readonly status: number
  readonly error: string
  /** For who reads the answer, a person or a developer: nothing of a request is in it, and no cause. */
  readonly description: string
  /** Seconds. */
  readonly retryAfter?: number
}

/** Every request asks the store again, and most outages of it are over in seconds: a longer wait would only add to them. */
export const passingSeconds = 1
/** What is under way is small, and mostly answered by then. */
export const roomSeconds = 2

export const wireErrors = {
  nothingHere: { status: 404, error: 'not_found', description: 'There is nothing at this address.' },
  unreadableAddress: { status: 400, error: 'invalid_request', description: 'The address cannot be read.' },
  // RFC 6749 §2.3: one way to authenticate in a request. Node takes the first of two, what stands before us perhaps the other
  twoAuthorizations: {
    status: 400,
    error: 'invalid_request',
    description: 'Authorization was sent more than once.',
  },
  requestGone: {
    status: 400,
    error: 'invalid_request',
    description: 'The request expired or was answered already.',
  },
  noRegistration: {
    status: 403,
    error: 'access_denied',
    description: 'Clients do not register themselves here: ask the operator of this server for a client_id.',
  },
  usedBefore: { status: 400, error: 'invalid_grant', description: 'It was used before, or it is gone.' },
  deviceCodeState: {
    status: 400,
    error: 'invalid_grant',
    description: 'The device code is gone or was answered already.',
  },
  busy: {
    status: 503,
    error: 'temporarily_unavailable',
    description: 'Too much is under way. Try again in a moment.',
    retryAfter: roomSeconds,
  },
  // what was asked for is still good, and the client does well to ask again
  passing: {
    status: 503,
    error: 'temporarily_unavailable',
    description: 'Try again in a moment.',
    retryAfter: passingSeconds,
  },
  upstreamAway: {
    status: 503,
    error: 'temporarily_unavailable',
    description: 'GitHub cannot be asked right now. Try again in a moment.',
    retryAfter: passingSeconds,
  },
  ours: {
    status: 500,
    error: 'server_error',
    description: 'Something went wrong on our side. Try again in a moment.',
  },
} as const satisfies Readonly<Record<string, WireError>>

/** A budget is used up. */
export function tooManyRequests(retryAfter: number): WireError {
  const description = `Too many requests came from your network. Try again in ${retryAfter} seconds.`
  return { status: 429, error: 'too_many_requests', description, retryAfter }
}

/** By the code of an error of ours. */
const rows = new Map<string, (error: GatehouseError) => WireError>([
  ['interaction_gone', () => wireErrors.requestGone],
  ['already_consumed', () => wireErrors.usedBefore],
  ['device_code_state', () => wireErrors.deviceCodeState],
  ['user_code_taken', () => wireErrors.passing],
  ['store_unavailable', () => wireErrors.passing],
  ['busy', () => wireErrors.busy],
  ['invalid_request', ({ message }) => ({ status: 400, error: 'invalid_request', description: message })],
  ['unsupported_body', ({ message }) => ({ status: 415, error: 'invalid_request', description: message })],
  ['too_many_requests', (error) => tooManyRequests(error instanceof TooManyRequestsError ? error.retryAfter : 1)],
])

/** Undefined for an error that nobody outside is told of: `ours`. */
export function wireErrorOf(error: unknown): WireError | undefined {
  return error instanceof GatehouseError ? rows.get(error.code)?.(error) : undefined
}
