// What may be asked how often by whoever has no token yet. Many people may share one address, so an address may do a lot;
// the budgets for all keep the store within bounds. What made us keep nothing is given back. Used-up budgets answer 429
// with Retry-After.
import type { AttemptStore } from '../store/contract.ts'
import { type Budget, networkOf, siteOf, type Taken, takeFrom } from './budgets.ts'

const limits = {
  /** RFC 7591 §5. */
  registration: { windowSeconds: 3_600, address: 100, all: 2_000 },
  /** RFC 8628 §5.2: `all` is also how many live device codes there can be. */
  device: { windowSeconds: 600, address: 120, all: 10_000 },
  /** Pages that open a request or a session. Without `all`: nobody can keep everybody from signing in. */
  authorize: { windowSeconds: 600, address: 300, all: undefined },
  device_page: { windowSeconds: 600, address: 300, all: undefined },
} as const

/** A provider of IPv6 gives a customer 48 bits at most, which hold 65 536 networks. They share this many addresses' worth. */
const SITE = 10

const GUESSES = { limit: 20, windowSeconds: 60 }
const REMEMBERED = 10_000

export interface RequestLimits {
  take(kind: keyof typeof limits, address: string): Promise<Taken>
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
    take(kind, address) {
      const { windowSeconds, address: own, all } = limits[kind]
      const site = siteOf(address)
      const budgets: Budget[] = [
        { name: `${kind}:address:${networkOf(address)}`, limit: own, windowSeconds },
        ...(site ? [{ name: `${kind}:site:${site}`, limit: own * SITE, windowSeconds }] : []),
        ...(all ? [{ name: `${kind}:all`, limit: all, windowSeconds }] : []),
      ]
      return takeFrom(attempts, budgets)
    },

    blockedFor(clientId, address) {
      const until = blockedUntil.get(keyOf(clientId, address))
      return until === undefined ? 0 : Math.max(0, Math.ceil((until - now()) / 1000))
    },

    async noteWrongSecret(clientId, address) {
      const key = keyOf(clientId, address)
      const { allowed, retryAfter } = await attempts.take(`secret:${key}`, GUESSES.limit, GUESSES.windowSeconds)
      if (allowed) return
      if (!blockedUntil.delete(key)) onBlocked(clientId)
      blockedUntil.set(key, now() + retryAfter * 1000)
      // the first is the one that was set longest ago
      const [oldest] = blockedUntil.keys()
      if (blockedUntil.size > REMEMBERED && oldest !== undefined) blockedUntil.delete(oldest)
    },
  }
}
