// A stand-in for the authorization server, as far as a resource server can see one: a key set over HTTP, metadata that
// points to it, and tokens signed with its key. It issues whatever it is asked to, bad tokens above all.
import { createServer } from 'node:http'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { listen } from './listen.ts'

export interface SignOptions {
  /** Replaces members of the protected header; an undefined one is left out. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Signs with this key instead of the published one. */
  readonly key?: CryptoKey
}

export interface TokenIssuer extends AsyncDisposable {
  /** The issuer identifier: also the address it listens on. */
  readonly issuer: string
  readonly jwksUrl: string
  readonly publicJwk: JWK
  readonly privateKey: CryptoKey
  /** How often the key set was asked for. */
  readonly keyRequests: () => number
  /** What the key endpoint answers from now on instead of its keys; undefined for the keys again. */
  readonly answerKeysWith: (answer: { readonly status: number; readonly body?: string } | undefined) => void
  /** Members that its metadata has from now on, besides the usual ones. */
  readonly publish: (members: Readonly<Record<string, unknown>>) => void
  /**
   * An RFC 9068 access token, by default one that is good for ten minutes. `claims` replace the defaults; an undefined
   * one is left out. There is no default audience.
   */
  readonly sign: (claims?: Readonly<Record<string, unknown>>, options?: SignOptions) => Promise<string>
}

export async function createTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(publicKey)
  const publicJwk: JWK = { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' }

  let keyRequests = 0
  let published: Readonly<Record<string, unknown>> = {}
  let instead: { readonly status: number; readonly body?: string } | undefined
  const server = createServer((request, response) => {
    if (request.url === '/jwks') {
      keyRequests += 1
      response.writeHead(instead?.status ?? 200, { 'content-type': 'application/json' })
      response.end(instead ? (instead.body ?? '') : JSON.stringify({ keys: [publicJwk] }))
    } else if (request.url?.startsWith('/.well-known/')) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ issuer, jwks_uri: jwksUrl, token_endpoint: `${issuer}/token`, ...published }))
    } else {
      response.writeHead(404).end()
    }
  })
  const { origin: issuer, stop } = await listen(server)
  const jwksUrl = `${issuer}/jwks`

  return {
    issuer,
    jwksUrl,
    publicJwk,
    privateKey,
    keyRequests: () => keyRequests,
    answerKeysWith: (answer) => {
      instead = answer
    },
    publish: (members) => {
      published = members
    },
    sign: (claims = {}, { header = {}, key = privateKey } = {}) => {
      const now = Math.floor(Date.now() / 1000)
      const payload = defined({
        iss: issuer,
        sub: 'dev:ada',
        client_id: 'test-client',
        scope: 'mcp:tools:read mcp:tools:call',
        iat: now,
        exp: now + 600,
        jti: crypto.randomUUID(),
        ...claims,
      })
      const protectedHeader = defined({ alg: 'ES256', typ: 'at+jwt', kid: publicJwk.kid, ...header })
      return new SignJWT(payload).setProtectedHeader(protectedHeader as { alg: string }).sign(key)
    },
    [Symbol.asyncDispose]: stop,
  }
}

function defined(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
