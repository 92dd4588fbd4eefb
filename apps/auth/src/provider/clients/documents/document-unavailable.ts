import { errors } from 'oidc-provider'
import { wireErrors } from '../../../wire-errors.ts'
import { asEngineError } from '../../engine-errors.ts'

/**
 * A client's document was not read, which says nothing about the client: it must not forget what it has. 503 to programs, a
 * page to people (error-page.ts).
 */
export class DocumentUnavailableError extends errors.CustomOIDCProviderError {
  /** Where the document is. */
  readonly host: string
  /** `not_admitted`: the operator keeps this host out. `busy`: too many were asked for. */
  readonly reason: 'not_admitted' | 'unreachable' | 'busy'
  constructor(host: string, reason: DocumentUnavailableError['reason'], detail: string) {
    super(wireErrors.passing.error, describe(host, reason, detail))
    this.host = host
    this.reason = reason
    asEngineError(this, wireErrors.passing.status)
  }
}

function describe(host: string, reason: DocumentUnavailableError['reason'], detail: string): string {
  if (reason === 'not_admitted') return `clients of ${host} are not admitted here: ask the operator of this server`
  if (reason === 'busy') return `the client document at ${host} was not read: ${detail}`
  return `the client document at ${host} cannot be read: ${detail}. Try again later, or ask the operator of this server`
}
