/** Why a token was refused. For logs and tests: none of it is sent to the client. */
export type RefusalReason =
  | 'malformed'
  | 'algorithm'
  | 'header'
  | 'unknown_key'
  | 'signature'
  | 'type'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not_yet'
  | 'time'
  | 'claims'
  /** Only for who holds a key (`cnf`), which is not checked here. */
  | 'bound'

/** The token is at fault: answer 401. Carries no part of the token. */
export class InvalidTokenError extends Error {
  readonly code = 'invalid_token'
  readonly reason: RefusalReason
  constructor(reason: RefusalReason) {
    super(`access token refused: ${reason}`)
    this.name = new.target.name
    this.reason = reason
  }
}

/** The issuer's keys or metadata could not be had. Ours, and passing: answer 503, never 401. */
export class IssuerError extends Error {
  readonly code = 'issuer_unavailable'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}
