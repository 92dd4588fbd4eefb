// What our stores throw, in the engine's words: whatever else reaches its error handling becomes a 500.
import { errors } from 'oidc-provider'
import { AlreadyConsumedError, DeviceCodeStateError, StoreUnavailableError, UserCodeTakenError } from '../errors.ts'

/** Returns an error that is none of a store's as it is. */
export function inEngineWords(error: unknown): unknown {
  if (error instanceof AlreadyConsumedError) return new errors.InvalidGrant('already used')
  if (error instanceof DeviceCodeStateError)
    return new errors.InvalidGrant('the device code is gone or was answered already')
  if (error instanceof UserCodeTakenError || error instanceof StoreUnavailableError) return unavailable(error)
  return error
}

/** 503: what was asked for is still good, and the client does well to ask again. */
export function unavailable(cause?: Error): Error {
  const error = new errors.CustomOIDCProviderError('temporarily_unavailable', 'try again in a moment')
  return Object.assign(error, { status: 503, statusCode: 503, ...(cause && { cause }) })
}
