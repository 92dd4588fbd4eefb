/** The members of an RFC 6750 §3 challenge, with `resource_metadata` of RFC 9728 §5.1. */
export interface Challenge {
  /** The authentication scheme: what a token is asked to be presented as. */
  readonly scheme: 'Bearer'
  readonly error: 'invalid_request' | 'invalid_token' | 'insufficient_scope' | undefined
  readonly errorDescription: string | undefined
  /** Everything the operation needs, so that a client has to ask for consent once only. */
  readonly scopes: readonly string[]
  readonly resourceMetadata: string
}

/** The value of `WWW-Authenticate`. Members hold no quote and no backslash: they come from configuration, checked there. */
export function formatChallenge({ scheme, error, errorDescription, scopes, resourceMetadata }: Challenge): string {
  const members = {
    error,
    error_description: errorDescription,
    resource_metadata: resourceMetadata,
    scope: scopes.length > 0 ? scopes.join(' ') : undefined,
  }
  const present = Object.entries(members).filter(([, value]) => value !== undefined)
  return `${scheme} ${present.map(([name, value]) => `${name}="${value}"`).join(', ')}`
}
