// For tests: a real authorization server of somebody else's, oidc-provider, whose clients ask for tokens for themselves. It may be
// stopped and started again at its place, and counts what it is asked.
import { createServer, type IncomingMessage } from 'node:http'
import { freePort, listen } from '@gatehouse/testing'
import type { JWK } from 'jose'
import Provider, { type ClientMetadata, errors } from 'oidc-provider'

export interface TestIssuer extends AsyncDisposable {
  readonly issuer: string
  /** Bodies and headers of what the token endpoint was asked, in order. */
  readonly asked: { readonly body: string; readonly headers: IncomingMessage['headers'] }[]
  /** Paths of all requests. */
  readonly paths: string[]
  stop(): Promise<void>
  start(): Promise<void>
}

export interface TestIssuerOptions {
  /** What it calls itself, if not by its address. */
  readonly name?: string
  /** Whether it has metadata of RFC 8414 besides OpenID's. By default true. */
  readonly hasOauthMetadata?: boolean
  /** How clients may show themselves. By default in each way that we know. */
  readonly methods?: readonly ('client_secret_basic' | 'client_secret_post' | 'private_key_jwt')[]
  /** Seconds. */
  readonly tokenLife?: number
}

export const secretClient = { client_id: 'gateway', client_secret: 'a planted secret: +&%=/ of the gateway' } as const

export async function startIssuer(
  clients: readonly Partial<ClientMetadata>[],
  { name, hasOauthMetadata = true, methods, tokenLife = 600 }: TestIssuerOptions = {},
): Promise<TestIssuer> {
  const port = await freePort()
  const address = `http://localhost:${port}`
  const provider = new Provider(name ?? address, {
    clients: clients.map((client) => ({
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      ...client,
    })) as ClientMetadata[],
    clientAuthMethods: [...(methods ?? (['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const))],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => {
          if (resource.includes('nowhere')) throw new errors.InvalidTarget()
          return {
            scope: 'ledger:read ledger:write',
            audience: resource,
            accessTokenTTL: tokenLife,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }
        },
      },
    },
  })
  const asked: { body: string; headers: IncomingMessage['headers'] }[] = []
  const paths: string[] = []
  const callback = provider.callback()
  const server = createServer((request, response) => {
    const { url = '' } = request
    paths.push(url)
    if (url === '/token') {
      const entry = { body: '', headers: request.headers }
      asked.push(entry)
      request.on('data', (chunk) => {
        entry.body += chunk
      })
    }
    if (url === '/.well-known/oauth-authorization-server' && hasOauthMetadata)
      request.url = '/.well-known/openid-configuration'
    void callback(request, response)
  })
  const { restart: start, stop } = await listen(server, { port, host: 'localhost' })
  return { issuer: address, asked, paths, start, stop, [Symbol.asyncDispose]: stop }
}

/** As a client's metadata has it. */
export function keySetOf(...keys: readonly JWK[]): ClientMetadata['jwks'] {
  return { keys: keys as never }
}
