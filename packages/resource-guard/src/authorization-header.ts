import { type GuardRequest, valuesOf } from './exchange.ts'

/** What an `Authorization` header says. */
export type Credentials =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'noToken' }
  /** There is something, but no bearer token. */
  | { readonly kind: 'noBearerToken' }
  /** Two headers: which of them counts is not ours to guess. */
  | { readonly kind: 'twice' }

const bearer = /^bearer +([\w.~+/-]+=*)$/i

/**
 * Reads RFC 6750 §2.1, the only place where a token is looked for: never the query, never the body (MCP forbids both).
 * A Fetch `Headers` joins two headers into one value, which is no bearer token.
 */
export function readCredentials(request: Pick<GuardRequest, 'headers'>): Credentials {
  const values = valuesOf(request, 'authorization')
  const [value] = values
  if (value === undefined) return { kind: 'noToken' }
  if (values.length > 1) return { kind: 'twice' }
  const token = bearer.exec(value)?.[1]
  return token === undefined ? { kind: 'noBearerToken' } : { kind: 'token', token }
}
