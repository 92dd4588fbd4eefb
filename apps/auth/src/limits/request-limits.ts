// What may be asked how often by anyone who has no token yet (matrix.ts). What made us keep nothing is given back. Used-up
// budgets answer 429 with Retry-After.
import type { AttemptStore } from '../store/contract.ts'
import { type Taken, takeFrom, takeShare } from './budgets.ts'
import { limits } from './matrix.ts'
import { networkOf } from './network.ts'

type Kind = Exclude<keyof typeof limits, 'user_code' | 'client_secret' | `document${string}`>

const remembered = 10_000

export interface RequestLimits {
  take(kind: Kind, address: string): Promise<Taken>
  /** Whether this client, from this address, gave wrong secrets too often a moment ago: for how many seconds yet. */
  blockedFor(clientId: string, address: string): number
  /** A secret was wrong (RFC 6749 §2.3.1). */
  noteWrongSecret(clientId: string, address: string): Promise<void>
}

export function createRequestLimits(
  attempts: AttemptStore,
  { now, onBlocked }: { readonly now: () => number; readonly onBlocked: (clientId: string) => void },
): RequestLimits {
  // Each process remembers by itself whom to turn away, so that a right secret costs no look at the store.
  const blockedUntil = new Map<string, number>()
  const keyOf = (clientId: string, address: string) => `${networkOf(address)} ${clientId.slice(0, 256)}`

  return {
    take: (kind, address) => takeShare(attempts, kind, limits[kind], networkOf(address)),

    blockedFor(clientId, address) {
      // keys are made of addresses that are read, which takes a while
      const until = blockedUntil.size === 0 ? undefined : blockedUntil.get(keyOf(clientId, address))
      return until === undefined ? 0 : Math.max(0, Math.ceil((until - now()) / 1000))
    },

    async noteWrongSecret(clientId, address) {
      const key = keyOf(clientId, address)
      const { window, network: limit } = limits.client_secret
      const { allowed, retryAfter } = await takeFrom(attempts, { name: `secret:${key}`, limit, window })
      if (allowed) return
      if (!blockedUntil.delete(key)) onBlocked(clientId)
      blockedUntil.set(key, now() + retryAfter * 1000)
      // the first is the one that was set longest ago
      const [oldest] = blockedUntil.keys()
      if (blockedUntil.size > remembered && oldest !== undefined) blockedUntil.delete(oldest)
    },
  }
}
