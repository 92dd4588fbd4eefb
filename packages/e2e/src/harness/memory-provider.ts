// What an MCP client of either SDK remembers while it signs in: the interface is the SDKs' own.
import { randomUUID } from 'node:crypto'

export interface MemoryProvider {
  readonly redirectUrl: string
  readonly clientMetadata: {
    client_name: string
    redirect_uris: string[]
    grant_types: string[]
    token_endpoint_auth_method: string
  }
  readonly state: () => string
  // biome-ignore lint/suspicious/noExplicitAny: each SDK has its own type for the same members
  clientInformation: () => any
  saveClientInformation: (information: unknown) => void
  // biome-ignore lint/suspicious/noExplicitAny: as above
  tokens: () => any
  saveTokens: (tokens: unknown) => void
  redirectToAuthorization: (url: URL) => void
  saveCodeVerifier: (verifier: string) => void
  codeVerifier: () => string
  saveDiscoveryState: (state: unknown) => void
  // biome-ignore lint/suspicious/noExplicitAny: as above
  discoveryState: () => any
  /** Where the client wanted the person's browser to go. */
  readonly askedFor: () => URL
}

export function createMemoryProvider(redirectUrl: string): MemoryProvider {
  const memory: { client?: unknown; tokens?: unknown; verifier?: string; discovery?: unknown; address?: URL } = {}
  return {
    redirectUrl,
    clientMetadata: {
      client_name: 'SDK client',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    },
    state: () => randomUUID(),
    clientInformation: () => memory.client,
    saveClientInformation: (client) => {
      memory.client = client
    },
    tokens: () => memory.tokens,
    saveTokens: (tokens) => {
      memory.tokens = tokens
    },
    redirectToAuthorization: (address) => {
      memory.address = address
    },
    saveCodeVerifier: (verifier) => {
      memory.verifier = verifier
    },
    codeVerifier: () => memory.verifier ?? '',
    saveDiscoveryState: (state) => {
      memory.discovery = state
    },
    discoveryState: () => memory.discovery,
    askedFor: () => {
      if (!memory.address) throw new Error('the client asked for no sign-in')
      return memory.address
    },
  }
}
