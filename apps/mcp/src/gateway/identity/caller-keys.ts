// The keys that say who calls. There is one for each period, which all replicas know by its number: whichever needs it first makes
// it, and the store says to all whose was first. A key signs in its period, is published a period before it, and for a while after.

import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import type { SealedMail } from '../replicas/sealed-mail.ts'

/** Where keys are kept, sealed. */
export interface CallerKeyStore {
  /** As in `Replicas`: resolves with the answer that was given first, which is forgotten after `life` milliseconds. */
  decide(question: string, answer: string, life: number): Promise<string>
}

export interface SigningKey {
  readonly kid: string
  readonly key: CryptoKey
}

export interface CallerKeys {
  /** That of now. */
  signing(): Promise<SigningKey>
  /** The public parts of all that anybody may need. */
  published(): Promise<readonly JWK[]>
}

export interface CallerKeysOptions {
  readonly store: CallerKeyStore
  /** By secret: the first one's keys sign, those of all are published. */
  readonly seals: readonly [SealedMail, ...SealedMail[]]
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Milliseconds for which a key signs. */
export const period = 30 * 86_400_000
/** Milliseconds for which it is published when it signs no more: its last tokens live for one minute, and clocks differ. */
export const overlap = 3_600_000
/** Milliseconds that it is believed which key is the first: a store may lose what it had. */
const believedFor = 60_000

interface Kept extends SigningKey {
  readonly shown: JWK
  /** As it is stored. */
  readonly sealed: string
  readonly at: number
}

export function createCallerKeys({ store, seals, now }: CallerKeysOptions): CallerKeys {
  const rings = seals.map((seal) => createRing(store, seal, now))
  const [own] = rings as [Ring]
  const current = () => Math.floor(now() / period)

  return {
    signing: () => own.key(current()),
    async published() {
      const number = current()
      const isOverlap = now() - number * period < overlap
      const numbers = [number, number + 1, ...(isOverlap ? [number - 1] : [])]
      const keys = await Promise.all(rings.flatMap((ring) => numbers.map((each) => ring.key(each))))
      return keys.map(({ shown }) => shown)
    },
  }
}

interface Ring {
  key(number: number): Promise<Kept>
}

function createRing(store: CallerKeyStore, seal: SealedMail, now: () => number): Ring {
  const known = new Map<number, Kept>()
  const flights = new Map<number, Promise<Kept>>()

  async function load(number: number): Promise<Kept> {
    const before = known.get(number)
    const question = `caller-key:${seal.nameOf('caller keys')}:${number}`
    const life = (number + 1) * period + overlap - now()
    const offered = before?.sealed ?? (await fresh(seal, question))
    try {
      const sealed = await store.decide(question, offered, life)
      const kept = before?.sealed === sealed ? { ...before, at: now() } : await open(seal, question, sealed, now())
      known.set(number, kept)
      for (const old of known.keys()) if (old < number - 2) known.delete(old)
      return kept
    } catch (error) {
      // the store is away: what was the first one is it still
      if (before) return before
      throw error
    }
  }

  return {
    async key(number) {
      const kept = known.get(number)
      if (kept && now() - kept.at < believedFor) return kept
      const flight = flights.get(number) ?? load(number).finally(() => flights.delete(number))
      flights.set(number, flight)
      return flight
    },
  }
}

async function fresh(seal: SealedMail, question: string): Promise<string> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(privateKey)), kid: crypto.randomUUID() }
  return Buffer.from(seal.seal(question, Buffer.from(JSON.stringify(jwk)))).toString('base64url')
}

async function open(seal: SealedMail, question: string, sealed: string, at: number): Promise<Kept> {
  const opened = seal.open(question, Buffer.from(sealed, 'base64url'))
  if (!opened) throw new Error('a key that says who calls does not open: it was changed in the store')
  const { d, ...rest }: JWK & { kid: string } = JSON.parse(opened.toString('utf8'))
  const key = (await importJWK({ ...rest, ...(d !== undefined && { d }) }, 'ES256')) as CryptoKey
  return { kid: rest.kid, key, shown: { ...rest, alg: 'ES256', use: 'sig' }, sealed, at }
}
