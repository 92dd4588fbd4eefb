// What can go wrong in either service. Callers switch on `code`, never on the message.

export class GatehouseError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** The store cannot be reached, is hung, or refuses writes. Ours, and passing: 503 with Retry-After. */
export class StoreUnavailableError extends GatehouseError {
  constructor(cause?: unknown) {
    super('store_unavailable', 'The store does not answer.', { cause })
  }
}

/** What the operator has to mend before the process can start: every fault at once. */
export class ConfigError extends GatehouseError {
  readonly faults: readonly string[]
  constructor(faults: readonly string[], options?: ErrorOptions) {
    super('config', faults.join('\n'), options)
    this.faults = faults
  }
}
