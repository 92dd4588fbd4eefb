// The ID tokens of the OpenID provider for tests, and every way in which one can be wrong.
import { randomBytes } from 'node:crypto'
import { base64url, type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export type IdTokenFault =
  | 'alg none'
  | 'HS256'
  | 'unknown key'
  | 'foreign signature'
  | 'foreign issuer'
  | 'foreign audience'
  | 'further audience'
  | 'foreign azp'
  | 'foreign nonce'
  | 'no nonce'
  | 'expired'
  | 'no expiry'
  | 'not yet valid'
  | 'no sub'
  | 'no JWT'

export interface Key {
  readonly jwk: JWK
  readonly privateKey: CryptoKey
}

interface Signer {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly fault: string | undefined
}
interface Said {
  readonly user: { readonly sub: string; readonly claims?: Readonly<Record<string, unknown>> }
  readonly nonce: string | undefined
}

export async function createKey(): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: randomBytes(8).toString('hex'), alg: 'ES256', use: 'sig' }
  return { jwk, privateKey }
}

export async function signIdToken(
  { issuer, clientId, clientSecret, fault }: Signer,
  key: Key,
  { user, nonce }: Said,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const honest = { iss: issuer, aud: clientId, sub: user.sub, iat: now, exp: now + 300, nonce, ...user.claims }
  const claims = Object.entries({ ...honest, ...wrongClaims(fault, honest) }).filter(([, value]) => value !== undefined)
  const jwt = new SignJWT(Object.fromEntries(claims))
  switch (fault) {
    case 'no JWT':
      return 'e30.e30'
    case 'alg none':
      return `${base64url.encode('{"alg":"none"}')}.${base64url.encode(JSON.stringify(Object.fromEntries(claims)))}.`
    case 'HS256':
      return jwt.setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(clientSecret))
    case 'unknown key':
    case 'foreign signature': {
      const other = await createKey()
      const kid = fault === 'unknown key' ? other.jwk.kid : key.jwk.kid
      return jwt.setProtectedHeader({ alg: 'ES256', kid: kid as string }).sign(other.privateKey)
    }
    default:
      return jwt.setProtectedHeader({ alg: 'ES256', kid: key.jwk.kid as string }).sign(key.privateKey)
  }
}

/** What a fault changes in the claims; undefined takes one out. */
function wrongClaims(
  fault: string | undefined,
  { aud, iat }: { readonly aud: string; readonly iat: number },
): Readonly<Record<string, unknown>> {
  switch (fault) {
    case 'foreign issuer':
      return { iss: 'https://accounts.example' }
    case 'foreign audience':
      return { aud: 'somebody-else' }
    case 'further audience':
      return { aud: [aud, 'somebody-else'] }
    case 'foreign azp':
      return { azp: 'somebody-else' }
    case 'foreign nonce':
      return { nonce: 'a-nonce-of-somebody-else' }
    case 'no nonce':
      return { nonce: undefined }
    case 'expired':
      return { iat: iat - 3_600, exp: iat - 60 }
    case 'no expiry':
      return { exp: undefined }
    case 'not yet valid':
      return { nbf: iat + 3_600 }
    case 'no sub':
      return { sub: undefined }
    default:
      return {}
  }
}
