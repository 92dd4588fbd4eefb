// What upstreams say, judged by the lock. It is by the upstream's own names: no new name in the file changes a verdict.
import { arePinsEnforced } from '@gatehouse/shared/gateway-file'
import type { PinSettings } from '../settings.ts'
import type { Behalf, Json } from '../upstreams/contract.ts'
import { keyOf, type PinKind, type PinName } from './contract.ts'
import { hashOf } from './definition.ts'

/** What the lock has not, or has otherwise. */
export type Verdict = 'pinned' | 'changed' | 'new'

export interface Mismatch extends PinName {
  readonly verdict: Exclude<Verdict, 'pinned'>
  /** Of what was listed. */
  readonly hash: string
  readonly isWithheld: boolean
}

export interface Pins {
  /** Whether what is not pinned is withheld. */
  readonly areEnforced: boolean
  /** What is pinned of an upstream, by its own names, in the order of the lock. */
  namesOf(upstream: string, kind: PinKind): readonly string[]
  /** Judges what an upstream said to somebody. What is not pinned is told. */
  judge(name: PinName, definition: Json, behalf: Behalf): Verdict
}

export type Report = (mismatch: Mismatch, behalf: Behalf) => void

/** Undefined where pins are off. */
export function createPins(settings: PinSettings, report: Report): Pins | undefined {
  if (settings.mode === 'off') return undefined
  const areEnforced = arePinsEnforced({ pins: settings })
  const hashes = new Map(settings.lock.pins.map((pin) => [keyOf(pin), pin.hash]))
  return {
    areEnforced,
    namesOf: (upstream, kind) =>
      settings.lock.pins.filter((pin) => pin.upstream === upstream && pin.kind === kind).map(({ name }) => name),
    judge(name, definition, behalf) {
      const hash = hashOf(definition)
      const pinned = hashes.get(keyOf(name))
      if (pinned === hash) return 'pinned'
      const verdict = pinned === undefined ? 'new' : 'changed'
      report({ ...name, verdict, hash, isWithheld: areEnforced }, behalf)
      return verdict
    },
  }
}
