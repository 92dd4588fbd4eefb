// What is different between a lock and what is there now, down to single values.
import { keyOf, type Pin, type PinName } from './contract.ts'

export interface Difference extends PinName {
  readonly change: 'new' | 'changed' | 'gone'
  /** Of what changed; of what is new or gone the whole definition, at the root. */
  readonly values: readonly ValueDifference[]
}

/** Undefined: it is not there. */
export interface ValueDifference {
  readonly path: readonly (string | number)[]
  readonly before: unknown
  readonly now: unknown
}

/** Sorted as locks are. */
export function differencesOf(before: readonly Pin[], now: readonly Pin[]): readonly Difference[] {
  const [old, fresh] = [byKey(before), byKey(now)]
  const keys = [...new Set([...old.keys(), ...fresh.keys()])].toSorted()
  return keys.flatMap((key) => {
    const [one, other] = [old.get(key), fresh.get(key)]
    const pin = other ?? one
    if (!pin || one?.hash === other?.hash) return []
    const change = !one ? 'new' : other ? 'changed' : 'gone'
    const { upstream, kind, name } = pin
    return [{ upstream, kind, name, change, values: valuesOf(one?.definition, other?.definition, []) }]
  })
}

function byKey(pins: readonly Pin[]): ReadonlyMap<string, Pin> {
  return new Map(pins.map((pin) => [keyOf(pin), pin]))
}

function valuesOf(before: unknown, now: unknown, path: ValueDifference['path']): readonly ValueDifference[] {
  const [one, other] = [membersOf(before), membersOf(now)]
  if (!one || !other || Array.isArray(before) !== Array.isArray(now))
    return Object.is(before, now) ? [] : [{ path, before, now }]
  const names = [...new Set([...one.keys(), ...other.keys()])]
  return names.flatMap((name) => valuesOf(one.get(name), other.get(name), [...path, name]))
}

function membersOf(value: unknown): ReadonlyMap<string | number, unknown> | undefined {
  if (Array.isArray(value)) return new Map(value.entries())
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
}
