// What the gateway shows an upstream by which that knows it: a token of the gateway's own, from the authorization server that the
// upstream trusts. It knows no client, and nothing of MCP.
import type { RemoteUpstream } from '../settings.ts'
import { createGrant } from './client-credentials.ts'
import { createIssuerFetch } from './issuer-fetch.ts'
import { createTokenSource, type TokenSource } from './token-source.ts'

export type { TokenSource } from './token-source.ts'

export interface TokensOptions {
  readonly settings: Pick<RemoteUpstream, 'name' | 'clientCredentials' | 'tls' | 'timeouts'>
  readonly userAgent: string
  /** HTTP_PROXY and its kin. */
  readonly proxies: Readonly<Record<string, string>> | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Undefined where the file names no such credential. */
export function openTokens({
  settings,
  userAgent,
  proxies,
  now,
}: TokensOptions): (TokenSource & { close(): Promise<void> }) | undefined {
  const { name, clientCredentials, tls, timeouts } = settings
  if (!clientCredentials) return undefined
  const { fetch, close } = createIssuerFetch({ proxies, userAgent, ca: tls?.ca, connectLimit: timeouts.connect })
  return { ...createTokenSource({ ask: createGrant({ name, settings: clientCredentials, fetch, now }), now }), close }
}
