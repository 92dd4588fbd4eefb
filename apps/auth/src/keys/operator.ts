// What an operator does to the keys of a running service. A command is one more replica for a while: it changes the keys in
// the store, and stays until all others have read that.
import { setTimeout as wait } from 'node:timers/promises'
import { GatehouseError } from '../errors.ts'
import { type KeyRing, removeKeys, rotateRing, tendRing } from './key-ring.ts'
import { type ReconcileOptions, readStoredRing, reconcileKeys } from './reconcile.ts'

const AGAIN_MS = 500

/** What was asked for cannot be done: there are no keys, or not this one. */
export class KeyCommandError extends GatehouseError {
  constructor(message: string) {
    super('key_command', message)
  }
}

export interface OperatorOptions extends Omit<ReconcileOptions, 'now' | 'onWritten'> {
  readonly clock: () => number
  /** Milliseconds for which to see to it that nobody overwrites the change: longer than replicas take to read it. */
  readonly hold: number
}

/** Throws {@link KeyCommandError} if there are none, or if they do not open. Never makes any. */
export async function storedKeys({ documents }: Pick<OperatorOptions, 'documents'>): Promise<KeyRing> {
  const ring = await readStoredRing(documents)
  if (ring) return ring
  throw new KeyCommandError(
    'The store has no signing keys that AUTH_SECRET opens. A service makes them, or writes its own back, within seconds.',
  )
}

/** The next key signs as soon as everybody can know it: at once, unless the last rotation was minutes ago. */
export async function rotateKeys(options: OperatorOptions): Promise<KeyRing> {
  const { clock, lifetimes } = options
  return change(options, async (ring) => rotateRing(ring, clock(), lifetimes))
}

/** For a key that is in wrong hands. Throws {@link KeyCommandError} for a key id that is not there. */
export async function removeSigningKeys(kids: readonly string[], options: OperatorOptions): Promise<KeyRing> {
  return change(options, async (ring) => {
    const known = [...ring.keys.map(({ kid }) => kid), ...ring.removed]
    const unknown = kids.filter((kid) => !known.includes(kid))
    if (unknown.length > 0) throw new KeyCommandError(`There is no such key: ${unknown.join(', ')}`)
    return removeKeys(ring, kids, options.clock())
  })
}

async function change(options: OperatorOptions, apply: (ring: KeyRing) => Promise<KeyRing>): Promise<KeyRing> {
  const { documents, lifetimes, clock, hold } = options
  const reconcile = (ring: KeyRing) => reconcileKeys(ring, { documents, lifetimes, now: clock() })
  const before = await tendRing(await storedKeys(options), clock(), lifetimes)
  let ring = await reconcile(await apply(before))
  for (const end = performance.now() + hold; performance.now() < end; ring = await reconcile(ring)) await wait(AGAIN_MS)
  return ring
}
