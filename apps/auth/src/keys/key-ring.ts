// The life of the signing keys, as pure functions of what is known of them and of the time. A key is published long before
// it signs, signs until the next one does, and stays published until the last token it signed has expired. There is
// always a next one: if a key gets into wrong hands, its successor is known to everybody already.
//
// Replicas and commands hold rings and join them through the store (reconcile.ts). A ring only ever learns: keys come,
// starts move to earlier, key ids become removed; what ends by the clock ends for all. So rings that are joined in any
// order, and again, end up the same, and who overwrote what another had written gets it back from them.
//
// A ring is of one algorithm: each has a signing and a next key of its own.
import { createSigningKey, type SigningAlgorithm, type SigningKey } from './signing-keys.ts'

/** `signs_from` is in seconds since the epoch. A key that is alone signs before that. */
export type RingKey = SigningKey & { readonly signs_from: number }

/** As it is stored. Made by {@link readRing} and the functions below: keys are in the order in which they sign. */
export interface KeyRing {
  readonly alg: SigningAlgorithm
  readonly keys: readonly RingKey[]
  /** Key ids that were removed, for ever: a replica may wake up, or a store come back, that still has the key. */
  readonly removed: readonly string[]
}

/** In seconds, as in AUTH_LIFETIMES. */
export interface KeyLifetimes {
  /** For how long a key signs. */
  readonly signingKey: number
  /** For how long anybody may keep a copy of the key set. */
  readonly keySet: number
  /** The longest life of a token that a key signs: access tokens and ID tokens have the same. */
  readonly accessToken: number
}

/** What an operator sees of a key. Instants are in seconds since the epoch. */
export interface KeyStatus {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly state: 'retiring' | 'signing' | 'next'
  readonly made: number
  readonly signsFrom: number
  /** Absent as long as no later key is known. */
  readonly signsUntil?: number
  /** When it is dropped. */
  readonly retires?: number
}

/** Seconds by which a key outlives its last token: resource servers and replicas have clocks of their own. */
const retireMargin = 60

export function emptyRing(alg: SigningAlgorithm): KeyRing {
  return { alg, keys: [], removed: [] }
}

/** The stored document, of this release or of those that had no plan: there the oldest key signed, and others verified. */
export function readRing(alg: SigningAlgorithm, document: unknown): KeyRing {
  const { keys, removed = [] } = document as {
    readonly keys: readonly (SigningKey & Partial<RingKey>)[]
    readonly removed?: readonly string[]
  }
  const oldest = Math.min(...keys.map(({ iat }) => iat))
  return ringOf(
    alg,
    keys.map((key) => ({ ...key, signs_from: key.signs_from ?? (key.iat === oldest ? oldest : 0) })),
    removed,
  )
}

/** What both know, of rings of one algorithm. Commutative, associative, idempotent. */
export function joinRings(a: KeyRing, b: KeyRing): KeyRing {
  const keys = new Map(a.keys.map((key) => [key.kid, key]))
  for (const key of b.keys) keys.set(key.kid, earlier(key, keys.get(key.kid)))
  return ringOf(a.alg, [...keys.values()], [...a.removed, ...b.removed])
}

/** How long a key is public before it signs: once for caches in between, twice for verifiers that keep keys longer. */
export function publishAhead({ keySet }: KeyLifetimes): number {
  return 3 * keySet
}

/** Drops keys whose tokens have all expired, and adds what is missing: a first key, and a next one. */
export async function tendRing(ring: KeyRing, now: number, lifetimes: KeyLifetimes): Promise<KeyRing> {
  const time = toSeconds(now)
  const ahead = publishAhead(lifetimes)
  // a first key signs at once, being alone; joined with one that is known already, it waits its turn
  const started = ring.keys.length > 0 ? ring : await withNewKey(ring, now, time + ahead)
  const signing = signingKey(started, time) as RingKey
  const signs = started.keys.indexOf(signing)
  const isWanted = (index: number) => index >= signs || retiresAt(started.keys, index, lifetimes) > time
  const kept = { ...started, keys: started.keys.filter((_, index) => isWanted(index)) }
  if (waiting(kept, time).length > 0) return kept
  return withNewKey(kept, now, Math.max(time + ahead, signing.signs_from + lifetimes.signingKey))
}

/** The keys to publish. The first of them signs. */
export function publishedKeys(ring: KeyRing, now: number): readonly SigningKey[] {
  const signing = signingKey(ring, toSeconds(now))
  const others = ring.keys.filter((key) => key !== signing)
  return (signing ? [signing, ...others] : others).map(({ signs_from: _, ...key }) => key)
}

/** Lets the next key sign as soon as everybody can know it. Expects a ring that was tended. */
export function rotateRing(ring: KeyRing, now: number, lifetimes: KeyLifetimes): KeyRing {
  const time = toSeconds(now)
  const [next] = waiting(ring, time)
  if (!next) return ring
  const afterThis = (signingKey(ring, time)?.signs_from ?? 0) + 1
  return withStart(ring, next, Math.max(time, next.iat + publishAhead(lifetimes), afterThis))
}

/** Takes keys out for good. Was the signing one among them, the one that was published longest signs at once. */
export async function removeKeys(ring: KeyRing, kids: readonly string[], now: number): Promise<KeyRing> {
  const time = toSeconds(now)
  const signing = signingKey(ring, time)
  const rest = ringOf(ring.alg, ring.keys, [...ring.removed, ...kids])
  if (!signing || !kids.includes(signing.kid)) return rest
  const [next] = waiting(ring, time).filter(({ kid }) => !kids.includes(kid))
  return next ? withStart(rest, next, time) : withNewKey(rest, now, time)
}

export function describeRing(ring: KeyRing, now: number, lifetimes: KeyLifetimes): readonly KeyStatus[] {
  const signs = ring.keys.indexOf(signingKey(ring, toSeconds(now)) as RingKey)
  return ring.keys.map(({ kid, iat, signs_from: signsFrom }, index) => {
    const signsUntil = ring.keys[index + 1]?.signs_from
    return {
      kid,
      alg: ring.alg,
      state: index < signs ? 'retiring' : index === signs ? 'signing' : 'next',
      made: iat,
      signsFrom: index === signs && signsFrom > toSeconds(now) ? iat : signsFrom,
      ...(signsUntil !== undefined && { signsUntil, retires: retiresAt(ring.keys, index, lifetimes) }),
    }
  })
}

function toSeconds(now: number): number {
  return Math.floor(now / 1000)
}

function ringOf(alg: SigningAlgorithm, keys: readonly RingKey[], removed: readonly string[]): KeyRing {
  const gone = new Set(removed)
  return {
    alg,
    keys: keys
      .filter(({ kid }) => !gone.has(kid))
      .sort((a, b) => a.signs_from - b.signs_from || a.kid.localeCompare(b.kid)),
    removed: [...gone].sort(),
  }
}

/** The last that has started; before any has, the first in line. */
function signingKey({ keys }: KeyRing, time: number): RingKey | undefined {
  return keys.findLast(({ signs_from: start }) => start <= time) ?? keys[0]
}

/** Those that have not signed, the one that was published longest first. */
function waiting(ring: KeyRing, time: number): readonly RingKey[] {
  const signing = signingKey(ring, time)
  return ring.keys.filter((key) => key.signs_from > time && key !== signing).sort((a, b) => a.iat - b.iat)
}

function retiresAt(keys: readonly RingKey[], index: number, { accessToken }: KeyLifetimes): number {
  return (keys[index + 1]?.signs_from ?? Number.POSITIVE_INFINITY) + accessToken + retireMargin
}

function earlier(key: RingKey, other: RingKey | undefined): RingKey {
  return other && other.signs_from < key.signs_from ? other : key
}

function withStart(ring: KeyRing, key: RingKey, start: number): KeyRing {
  return joinRings(ring, { ...ring, keys: [{ ...key, signs_from: start }] })
}

async function withNewKey(ring: KeyRing, now: number, start: number): Promise<KeyRing> {
  const key = await createSigningKey(ring.alg, now)
  return ringOf(ring.alg, [...ring.keys, { ...key, signs_from: start }], ring.removed)
}
