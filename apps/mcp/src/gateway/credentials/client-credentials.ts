// The client credentials grant (RFC 6749 §4.4) at an upstream's authorization server, which is found by its metadata (RFC 8414)
// and has to call itself as the file does. openid-client speaks the protocol.
import { isSafeForSecrets } from '@gatehouse/shared/gateway-file'
import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretPost,
  Configuration,
  clientCredentialsGrant,
  customFetch,
  discovery,
  PrivateKeyJwt,
  type ServerMetadata,
} from 'openid-client'
import type { ClientCredentials } from '../settings.ts'
import { UpstreamError } from '../upstreams/contract.ts'
import { createFailures, type Failures } from './failures.ts'
import type { IssuerFetch } from './issuer-fetch.ts'
import { readClientKey } from './private-key.ts'
import type { GrantedToken } from './token-source.ts'

export interface GrantOptions {
  /** Of the upstream. */
  readonly name: string
  readonly settings: ClientCredentials
  readonly fetch: IssuerFetch['fetch']
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Milliseconds that metadata are believed. */
const metadataLife = 3_600_000
/** Seconds for each request. */
const limit = 10
/** Milliseconds that a token lives whose answer does not say it, and that one is kept at most. */
const unknownLife = 300_000
const longestLife = 86_400_000
/** Characters. */
const longestToken = 16_384

/** Asks for a token. Rejects with an {@link UpstreamError}: `unreachable` for what passes, `unauthorized` for what an operator mends. */
export function createGrant({ name, settings, fetch, now }: GrantOptions): () => Promise<GrantedToken> {
  const { issuer, clientId, scope, resource } = settings
  const failures = createFailures(name, issuer)
  let known: { readonly metadata: ServerMetadata; readonly at: number } | undefined

  async function discover(): Promise<ServerMetadata> {
    const found = await ask('oauth2').catch((error: unknown) => {
      // some publish themselves by OpenID Connect Discovery alone
      if (failures.isNotFound(error)) return ask('oidc')
      throw error
    })
    const metadata = found.serverMetadata()
    // the library compares URLs, and knows exceptions
    if (metadata.issuer !== issuer) throw failures.otherIssuer(metadata.issuer)
    const endpoint = URL.parse(metadata.token_endpoint ?? '')
    if (!endpoint) throw failures.noTokenEndpoint()
    if (!isSafeForSecrets(endpoint)) throw failures.unsafeTokenEndpoint()
    return metadata
  }

  const insecure = issuer.startsWith('http:') ? [allowInsecureRequests] : []
  const ask = (algorithm: 'oauth2' | 'oidc'): Promise<Configuration> =>
    discovery(new URL(issuer), clientId, undefined, undefined, {
      algorithm,
      timeout: limit,
      [customFetch]: fetch,
      execute: insecure,
    })

  async function metadataNow(): Promise<ServerMetadata> {
    if (known && now() - known.at < metadataLife) return known.metadata
    known = { metadata: await discover(), at: now() }
    return known.metadata
  }

  function configured(metadata: ServerMetadata): Configuration {
    const configuration = new Configuration(metadata, clientId, undefined, authentication(settings, metadata, failures))
    configuration.timeout = limit
    configuration[customFetch] = fetch
    for (const allow of insecure) allow(configuration)
    return configuration
  }

  return async function grant() {
    const metadata = await metadataNow().catch((error: unknown) => {
      throw failures.of('metadata', error)
    })
    const configuration = configured(metadata)
    try {
      const granted = await clientCredentialsGrant(configuration, {
        resource,
        ...(scope !== undefined && { scope }),
      })
      const { access_token: value, token_type: type, expires_in: seconds } = granted
      if (type !== 'bearer' || !/^[\x21-\x7e]+$/.test(value) || value.length > longestToken) throw failures.noToken()
      return { value, life: seconds === undefined ? unknownLife : Math.min(seconds * 1_000, longestLife) }
    } catch (error) {
      // it may have moved, or takes clients in another way now
      known = undefined
      throw failures.of('token', error)
    }
  }
}

/** Secrets are read each time: a file that was replaced counts at once. */
function authentication(
  { privateKey, clientSecret }: ClientCredentials,
  { token_endpoint_auth_methods_supported: methods }: ServerMetadata,
  failures: Failures,
): ClientAuth {
  const takes = (method: string): boolean => methods?.includes(method) ?? false
  const read = <T>(get: () => T): T => {
    try {
      return get()
    } catch (error) {
      throw failures.unreadable((error as Error).message)
    }
  }
  if (privateKey) {
    if (methods && !takes('private_key_jwt')) throw failures.otherMethod(['private_key_jwt'])
    return PrivateKeyJwt(read(() => readClientKey(privateKey())))
  }
  const secret = read(() => clientSecret?.() ?? '')
  if (!methods || takes('client_secret_basic')) return basic(secret)
  if (takes('client_secret_post')) return ClientSecretPost(secret)
  throw failures.otherMethod(['client_secret_basic', 'client_secret_post'])
}

/** RFC 6749 §2.3.1. What need not be encoded is not (the library would), because not every server decodes. */
function basic(secret: string): ClientAuth {
  const encoded = (text: string): string => encodeURIComponent(text).replaceAll('%20', '+')
  return (_server, { client_id: id }, _body, headers) => {
    const credentials = `${encoded(id)}:${encoded(secret)}`
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
}
