// What an operator does to the keys of a running service. A command is one more replica for a while: it changes the keys in
// the store, and stays until all others have read that.
import { setTimeout as wait } from 'node:timers/promises'
import { OperatorError } from '../errors.ts'
import { type KeyRing, removeKeys, rotateRing, tendRing } from './key-ring.ts'
import { type ReconcileOptions, readStoredRing, reconcileKeys } from './reconcile.ts'
import { signingAlgorithms } from './signing-keys.ts'

const againMs = 500

export interface OperatorOptions extends Omit<ReconcileOptions, 'now' | 'onWritten'> {
  readonly clock: () => number
  /** Milliseconds for which to see to it that nobody overwrites the change: longer than replicas take to read it. */
  readonly hold: number
}

/** One ring an algorithm. Throws {@link OperatorError} if there are none, or if they do not open. Never makes any. */
export async function storedKeys({ documents }: Pick<OperatorOptions, 'documents'>): Promise<readonly KeyRing[]> {
  const stored = await Promise.all(signingAlgorithms.map((alg) => readStoredRing(alg, documents)))
  const rings = stored.filter((ring) => ring !== undefined)
  if (rings.length > 0) return rings
  throw new OperatorError(
    'The store has no signing keys that AUTH_SECRET opens. A service makes them, or writes its own back, within seconds.',
  )
}

/** Of each algorithm the next key signs as soon as everybody can know it: at once, unless the last rotation was minutes ago. */
export async function rotateKeys(options: OperatorOptions): Promise<readonly KeyRing[]> {
  const { clock, lifetimes } = options
  return change(options, await storedKeys(options), async (ring) => rotateRing(ring, clock(), lifetimes))
}

/** For a key that is in wrong hands. Throws {@link OperatorError} for a key id that is not there. */
export async function removeSigningKeys(
  kids: readonly string[],
  options: OperatorOptions,
): Promise<readonly KeyRing[]> {
  const stored = await storedKeys(options)
  const known = stored.flatMap(({ keys, removed }) => [...keys.map(({ kid }) => kid), ...removed])
  const unknown = kids.filter((kid) => !known.includes(kid))
  if (unknown.length > 0) throw new OperatorError(`There is no such key: ${unknown.join(', ')}`)
  return change(options, stored, async (ring) => {
    const own = kids.filter((kid) => ring.removed.includes(kid) || ring.keys.some((key) => key.kid === kid))
    return own.length > 0 ? removeKeys(ring, own, options.clock()) : ring
  })
}

async function change(
  { documents, lifetimes, clock, hold }: OperatorOptions,
  stored: readonly KeyRing[],
  apply: (ring: KeyRing) => Promise<KeyRing>,
): Promise<readonly KeyRing[]> {
  const reconcile = (rings: readonly KeyRing[]) =>
    Promise.all(rings.map((ring) => reconcileKeys(ring, { documents, lifetimes, now: clock() })))
  const changed = stored.map(async (ring) => apply(await tendRing(ring, clock(), lifetimes)))
  let rings = await reconcile(await Promise.all(changed))
  for (const end = performance.now() + hold; performance.now() < end; rings = await reconcile(rings))
    await wait(againMs)
  return rings
}
