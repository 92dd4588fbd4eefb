// What callers say that they can do. An upstream may answer differently to it, so that each variant has a list, a description
// and perhaps a connection of its own: who says something else each time would have all of these without end.
import { createDigests } from './digest.ts'
import { createRecent } from './recent.ts'
import type { Members, Owner } from './upstreams/contract.ts'
import { usualCapabilities } from './upstreams/declared.ts'

/** Of one person or machine at one endpoint. A client has one of them, and several clients and versions a few. */
export const mostVariants = 16
/** Milliseconds that one counts after it was said last: as long as what it was answered is kept. */
const life = 600_000
const mostCallers = 10_000

/** What is taken for said: all of it, or what is usual of it where the caller has said too much else. `clock`: milliseconds. */
export type Variants = (owner: Pick<Owner, 'issuer' | 'subject'>, said: Members) => Members

export function createVariants(clock: () => number): Variants {
  const digest = createDigests(1_024)
  /** When each was said last, by its digest. */
  const callers = createRecent<Map<string, number>>(mostCallers)

  return ({ issuer, subject }, said) => {
    const usual = usualCapabilities(said)
    const variant = digest(said)
    if (variant === digest(usual)) return said
    const caller = JSON.stringify([issuer, subject])
    const own = callers.get(caller) ?? new Map<string, number>()
    const now = clock()
    for (const [other, at] of own) if (now - at > life) own.delete(other)
    if (!own.has(variant) && own.size >= mostVariants) return usual
    own.set(variant, now)
    callers.set(caller, own)
    return said
  }
}
