// What a request that redeems is about to ask the store for, asked for as soon as it is known: whose grant it is, and which
// person. So both are on their way together, where the engine asks for one after the other.
import type { Model, Store } from '../store/contract.ts'
import { redemption } from './operation.ts'

export interface ReadAhead {
  /** The same store, that answers once with what was read ahead by the same request. */
  readonly store: Store
  /** Does nothing outside of a request that redeems. `lasting`: it will be asked for by `findLasting`. */
  begin(model: Model, id: string, lasting?: 'lasting'): void
}

export function createReadAhead(store: Store): ReadAhead {
  const { records } = store
  const begun = new WeakMap<object, Map<string, Promise<unknown>>>()
  const keyOf = (how: 'find' | 'findLasting', model: Model, id: string) => `${how} ${model} ${id}`

  /** At most once: what is asked for again is read again. */
  function taken<Found>(key: string): Promise<Found> | undefined {
    const request = redemption()
    const ofRequest = request && begun.get(request)
    const found = ofRequest?.get(key) as Promise<Found> | undefined
    ofRequest?.delete(key)
    return found
  }

  return {
    store: {
      ...store,
      records: {
        ...records,
        find: (model, id) => taken(keyOf('find', model, id)) ?? records.find(model, id),
        findLasting: (model, id) => taken(keyOf('findLasting', model, id)) ?? records.findLasting(model, id),
      },
    },
    begin(model, id, lasting) {
      const request = redemption()
      if (!request) return
      const found = lasting ? records.findLasting(model, id) : records.find(model, id)
      found.catch(() => undefined) // told to the one who asks, if anybody does
      const ofRequest = begun.get(request) ?? new Map<string, Promise<unknown>>()
      begun.set(request, ofRequest.set(keyOf(lasting ? 'findLasting' : 'find', model, id), found))
    },
  }
}
