// What can go wrong in the authorization server. Callers switch on `code`, never on the message. How an error becomes
// an HTTP or OAuth answer is decided in one table: wire-errors.ts.

import { GatehouseError } from '@gatehouse/service'

export { ConfigError, GatehouseError, StoreUnavailableError } from '@gatehouse/service'

/** A record that may be used once was used before, or is gone (expired, revoked, never there). */
export class AlreadyConsumedError extends GatehouseError {
  constructor() {
    super('already_consumed', 'It was used before, or it is gone.')
  }
}

/** A command of the operator was not called as its usage says. */
export class UsageError extends GatehouseError {
  constructor(message: string) {
    super('usage', message)
  }
}

/** What an operator asked for cannot be done. */
export class OperatorError extends GatehouseError {
  constructor(message: string) {
    super('operator', message)
  }
}

/** A listing cannot go on from there: what was given is no cursor of it, or the store is another one since. Begin again. */
export class CursorError extends GatehouseError {
  constructor() {
    super('cursor', 'The listing cannot go on from there: begin from the start.')
  }
}

/** A device code may not go from the state it is in to the one asked for. */
export class DeviceCodeStateError extends GatehouseError {
  constructor() {
    super('device_code_state', 'The device code is gone or was answered already.')
  }
}

/** Another live device code has this user code. Make another and try again. */
export class UserCodeTakenError extends GatehouseError {
  constructor() {
    super('user_code_taken', 'Another device code has this user code.')
  }
}

/** The request that a person was asked about expired, was answered already, or belongs to another browser. */
export class InteractionGoneError extends GatehouseError {
  constructor(cause?: unknown) {
    super('interaction_gone', 'The request is gone.', { cause })
  }
}

/** A request that is not looked at: it is too long, or malformed. The message is for the one who sent it. */
export class InvalidRequestError extends GatehouseError {
  constructor(message: string) {
    super('invalid_request', message)
  }
}

/** A body in a type or a coding that is not read (RFC 9110 §15.5.16). The message is for the one who sent it. */
export class UnsupportedBodyError extends GatehouseError {
  constructor(message: string) {
    super('unsupported_body', message)
  }
}

/** A budget is used up. `retryAfter` is in seconds. */
export class TooManyRequestsError extends GatehouseError {
  readonly retryAfter: number
  constructor(retryAfter: number) {
    super('too_many_requests', 'A budget is used up.')
    this.retryAfter = retryAfter
  }
}

/** There is no room for the request in this process just now. */
export class BusyError extends GatehouseError {
  constructor() {
    super('busy', 'Too much is under way.')
  }
}
