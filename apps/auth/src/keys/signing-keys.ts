// The keys that access tokens and ID tokens are signed with: ES256 alone. Made on first start, kept sealed in the store,
// the same for every replica: whoever comes second uses what the first one stored.
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose'
import { randomUUID } from 'node:crypto'
import type { DocumentStore } from '../store/contract.ts'

/** A private JWK (RFC 7517) with `kid`, `use` and `alg` set. */
export type SigningKey = JWK & { readonly kid: string; readonly alg: 'ES256'; readonly use: 'sig' }

const DOCUMENT = 'signing-keys'

/** The key set, newest first; made and stored if there is none yet. */
export async function loadSigningKeys(documents: DocumentStore): Promise<readonly SigningKey[]> {
  const stored = (await documents.get(DOCUMENT)) ?? (await documents.putIfAbsent(DOCUMENT, { keys: [await createSigningKey()] }))
  return (stored as { keys: SigningKey[] }).keys
}

async function createSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  return { ...(await exportJWK(privateKey satisfies CryptoKey)), kid: randomUUID(), use: 'sig', alg: 'ES256' }
}
