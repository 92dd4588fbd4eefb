import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto'

/**
 * The private key of a PEM text, for `private_key_jwt`: RSA, Ed25519, or EC on P-256, P-384 or P-521. Throws for anything
 * else, with a text that holds nothing of the key.
 */
export function readClientKey(pem: string): webcrypto.CryptoKey {
  const key = createPrivateKey(pem)
  return key.toCryptoKey(algorithmOf(key), false, ['sign'])
}

const curves: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  const namedCurve = curves[asymmetricKeyDetails?.namedCurve ?? '']
  if (namedCurve !== undefined) return { name: 'ECDSA', namedCurve }
  if (asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  if (asymmetricKeyType === 'ed25519') return { name: 'Ed25519' }
  throw new Error(`a key of the type ${asymmetricKeyType} is not supported`)
}
