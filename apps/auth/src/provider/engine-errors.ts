// What we throw, in the engine's words: whatever else reaches its error handling becomes a 500.
import { errors } from 'oidc-provider'
import { type WireError, wireErrorOf, wireErrors } from '../wire-errors.ts'

/** Returns an error that is not ours as it is. */
export function inEngineWords(error: unknown): unknown {
  const told = wireErrorOf(error)
  return told ? engineError(told, error as Error) : error
}

/** 503: what was asked for is still good, and the client does well to ask again. */
export function unavailable(cause?: Error): Error {
  return engineError(wireErrors.passing, cause)
}

/** `Retry-After` is written where the engine has answered: see provider.ts. */
function engineError({ status, error, description }: WireError, cause?: Error): Error {
  // by its class the engine knows what to tell of a grant, and in which words
  if (error === 'invalid_grant') return new errors.InvalidGrant(description)
  return asEngineError(new errors.CustomOIDCProviderError(error, description), status, cause)
}

/** The engine has 400 for all errors of others. */
export function asEngineError<E extends Error>(error: E, status: number, cause?: Error): E {
  return Object.assign(error, { status, statusCode: status, ...(cause && { cause }) })
}
