// How replicas agree on the signing keys: each brings what it knows and what the store has together, every few seconds.
// Each algorithm has a document of its own: releases that know ES256 alone share a store with this one and never see the
// others.
import { isDeepStrictEqual } from 'node:util'
import type { DocumentStore } from '../store/contract.ts'
import { joinRings, type KeyLifetimes, type KeyRing, readRing, tendRing } from './key-ring.ts'
import type { SigningAlgorithm } from './signing-keys.ts'

export type KeyDocuments = Pick<DocumentStore, 'get' | 'put' | 'putIfAbsent'>

const documentNames: Readonly<Record<SigningAlgorithm, string>> = { ES256: 'signing-keys', RS256: 'signing-keys-rs256' }

export interface ReconcileOptions {
  readonly documents: KeyDocuments
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly lifetimes: KeyLifetimes
  /** Told if this call put keys into a store that had none. */
  readonly onWritten?: (what: 'made' | 'written_back') => void
}

/** The stored keys of one algorithm; undefined if there are none, or if they do not open. */
export async function readStoredRing(alg: SigningAlgorithm, documents: KeyDocuments): Promise<KeyRing | undefined> {
  const document = await documents.get(documentNames[alg])
  return document === undefined ? undefined : readRing(alg, document)
}

/**
 * Brings the keys that this process holds and those in the store together, tends them, and returns what both hold then. With
 * none held it loads them, or makes the first ones. A store that lost its data gets back what is held, so that tokens stay
 * good and removed keys stay away; a replica that made keys of its own meanwhile is joined by it rather than overruled.
 * A key is not used before it is stored: if this throws, nothing that it made is known to anybody.
 */
export async function reconcileKeys(held: KeyRing, options: ReconcileOptions): Promise<KeyRing> {
  const { alg } = held
  const { documents, now, lifetimes, onWritten } = options
  let stored = await readStoredRing(alg, documents)
  if (!stored) {
    const mine = await tendRing(held, now, lifetimes)
    stored = readRing(alg, await documents.putIfAbsent(documentNames[alg], mine))
    if (isDeepStrictEqual(stored, mine)) onWritten?.(held.keys.length > 0 ? 'written_back' : 'made')
  }
  const ring = await tendRing(joinRings(stored, held), now, lifetimes)
  // Two who write at once lose nothing: whose write was overwritten, that one adds it again.
  if (!isDeepStrictEqual(ring, stored)) await documents.put(documentNames[alg], ring)
  return ring
}
