// Calls that wait for a client to come back with an answer: how many there may be, and for how long. Each is taken up once.
import { randomBytes } from 'node:crypto'
import type { Owner } from '../upstreams/contract.ts'
import type { Ongoing, Question } from './ongoing.ts'

export interface ParkedCall {
  readonly ongoing: Ongoing
  readonly question: Question
  /** Questions that it asked so far, this one included. */
  readonly asked: number
}

export interface Parked {
  /** Returns what names it. Undefined: the caller has too many. */
  park(owner: Owner, call: ParkedCall): string | undefined
  /** Undefined if none has that name (any more). */
  take(id: string): ParkedCall | undefined
  readonly size: number
  close(): void
}

export interface ParkedOptions {
  readonly perCaller: () => number
  /** Milliseconds. */
  readonly life: number
}

/** Milliseconds that a person has to answer in. */
export const parkedLife = 300_000

export function createParked({ perCaller, life }: ParkedOptions): Parked {
  const calls = new Map<string, { readonly call: ParkedCall; readonly of: string; readonly timer: NodeJS.Timeout }>()
  const counts = new Map<string, number>()

  function take(id: string): ParkedCall | undefined {
    const one = calls.get(id)
    if (!one) return undefined
    clearTimeout(one.timer)
    calls.delete(id)
    const left = (counts.get(one.of) ?? 1) - 1
    if (left > 0) counts.set(one.of, left)
    else counts.delete(one.of)
    return one.call
  }

  return {
    park({ endpoint, issuer, subject }, call) {
      // a person may have any number of clients
      const of = JSON.stringify([endpoint, issuer, subject])
      const count = counts.get(of) ?? 0
      if (count >= perCaller()) return undefined
      const id = randomBytes(18).toString('base64url')
      const timer = setTimeout(() => take(id)?.ongoing.stop(new Error('nobody answered in time')), life).unref()
      calls.set(id, { call, of, timer })
      counts.set(of, count + 1)
      // one that has ended waits for nothing
      void call.ongoing.over.finally(() => take(id))
      return id
    },

    take,

    get size() {
      return calls.size
    },

    close() {
      for (const id of [...calls.keys()]) take(id)?.ongoing.stop(new Error('the gateway is stopping'))
    },
  }
}
