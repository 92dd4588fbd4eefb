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
 * Takes the raw headers of Node, because it drops the second of two `Authorization` headers silently.
 */
export function readCredentials(rawHeaders: readonly string[]): Credentials {
  const values = rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === 'authorization')
  const [value] = values
  if (value === undefined) return { kind: 'noToken' }
  if (values.length > 1) return { kind: 'twice' }
  const token = bearer.exec(value)?.[1]
  return token === undefined ? { kind: 'noBearerToken' } : { kind: 'token', token }
}
