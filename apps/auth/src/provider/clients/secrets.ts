import { createHash, timingSafeEqual } from 'node:crypto'
import type { ClientMetadata } from 'oidc-provider'

/**
 * What is kept of a client secret: a hash. Secrets are random and long (ours) or at least 16 characters by rule (an
 * operator's), so a fast hash is enough; it is not a password's.
 */
function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Compares in constant time a secret as presented with what {@link hashSecret} made. */
export function secretMatches(hashed: string | undefined, presented: string): boolean {
  const expected = Buffer.from(hashed ?? '')
  const actual = Buffer.from(hashSecret(presented))
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** Client metadata as the store and the engine hold it: the hash in place of the secret. */
export function withHashedSecret(metadata: ClientMetadata): ClientMetadata {
  return metadata.client_secret === undefined
    ? metadata
    : { ...metadata, client_secret: hashSecret(metadata.client_secret) }
}
