// The key of `private_key_jwt`, as operators have keys: PEM of any kind, or a JWK.
import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto'

export interface ClientKey {
  readonly key: webcrypto.CryptoKey
  /** Of a JWK that has one: a server with several keys of a client finds it by that. */
  readonly kid?: string
}

/** Signs ES256 or RS256, by its kind. Throws an Error that says what is wrong with it, and nothing of what is in it. */
export function readClientKey(text: string): ClientKey {
  const { key, ...named } = parse(text)
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1')
    return { key: key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']), ...named }
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048)
    return { key: key.toCryptoKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']), ...named }
  throw new Error('is of another kind: take RSA of 2048 bits or more, or EC P-256')
}

function parse(text: string): { readonly key: KeyObject; readonly kid?: string } {
  try {
    if (!text.startsWith('{')) return { key: createPrivateKey(text) }
    const jwk = JSON.parse(text)
    return {
      key: createPrivateKey({ key: jwk, format: 'jwk' }),
      ...(typeof jwk.kid === 'string' && { kid: jwk.kid }),
    }
  } catch {
    throw new Error('is no private key: give PEM without a passphrase, or a JWK')
  }
}
