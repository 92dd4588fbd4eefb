// Whether a call is begun, decided once: by the doer that it begins, or by the one who has doubts that it never shall. The first
// one counts, whatever becomes of either.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Replicas } from '@gatehouse/replicas'
import { StoreUnavailableError } from '@gatehouse/service'

/** By two clocks, in milliseconds, of which each may stand still for a while. */
export interface Moment {
  readonly ticks: number
  readonly time: number
}

export const momentNow = (): Moment => ({ ticks: performance.now(), time: Date.now() })

export interface Decisions {
  /** Whether it may be begun now, by us alone. Rejects where that cannot be found out: then it may not. */
  begin(call: string): Promise<boolean>
  /** Whether it was begun, or may have been. If it was not, it will not be. `since`: when others were told of it. */
  hasBegun(call: string, since: Moment): Promise<boolean>
  /** It is over, and nobody asks any more. */
  forget(call: string): Promise<void>
}

/** Milliseconds for which it is known, and for which it can be asked. */
const life = 120_000
const askedWithin = 60_000
/** Milliseconds to wait for a store that is away. */
const patience = { begin: 2_000, doubt: 10_000 }
const again = 50

const withdrawn = 'withdrawn'

export function createDecisions(replicas: Pick<Replicas, 'decide' | 'forget'>): Decisions {
  async function decide(call: string, answer: string, within: number): Promise<string> {
    for (const until = performance.now() + within; ; ) {
      try {
        return await replicas.decide(call, answer, life)
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || performance.now() >= until) throw error
        await sleep(again, undefined, { ref: false })
      }
    }
  }

  return {
    async begin(call) {
      const own = `begun ${randomUUID()}`
      return (await decide(call, own, patience.begin)) === own
    },

    async hasBegun(call, since) {
      const age = Math.max(performance.now() - since.ticks, Date.now() - since.time)
      if (age > askedWithin) return true
      return decide(call, withdrawn, patience.doubt).then(
        (decision) => decision !== withdrawn,
        () => true,
      )
    },

    forget: (call) => replicas.forget(call),
  }
}
