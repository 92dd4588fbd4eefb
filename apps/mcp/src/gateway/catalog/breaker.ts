// Which upstream is not asked for a while, because it cannot be reached or takes no credential of ours: asked before anything
// connects, so that what is down costs nobody a time-out. It is per upstream and whom the upstream takes for one, so that
// what a caller does wrong, or waits for too long, stays theirs.

import { createRecent } from '../recent.ts'
import { type Behalf, RpcError, type Upstream, UpstreamError, type UpstreamFault } from '../upstreams/contract.ts'
import type { Clock } from './contract.ts'
import { credentialKey } from './keys.ts'

const shortest = 1_000
const longest = 60_000
const mostKeys = 10_000

interface Trouble {
  faults: number
  /** Milliseconds of the clock. */
  until: number
  /** Somebody was let through, to see whether it is over. */
  isTried: boolean
}

export interface Breaker {
  /** Milliseconds to wait still; 0: go on. Who is let through once it was closed is alone for `patience`. */
  wait(key: string): number
  good(key: string): void
  /** Who was let through did not come to ask: the next one may. */
  unused(key: string): void
  /** `atLeast`: milliseconds that the other side asked for. */
  bad(key: string, atLeast?: number): void
}

export interface BreakerOptions {
  readonly clock: Pick<Clock, 'now'>
  /** How many faults in a row open it. */
  readonly faults: number
  /** Milliseconds in which one attempt should have come out well or badly, before another is let through. */
  readonly patience: number
}

/** Waits a second after the first fault that counts, then twice as long each time, a minute at most. */
export function createBreaker({ clock, faults, patience }: BreakerOptions): Breaker {
  const troubles = createRecent<Trouble>(mostKeys)
  return {
    wait(key) {
      const trouble = troubles.get(key)
      if (!trouble || trouble.faults < faults) return 0
      const left = trouble.until - clock.now()
      if (left > 0) return left
      trouble.until = clock.now() + patience
      trouble.isTried = true
      return 0
    },
    good: (key) => troubles.delete(key),
    unused(key) {
      const trouble = troubles.get(key)
      if (trouble?.isTried) trouble.until = clock.now()
    },
    bad(key, atLeast = 0) {
      const trouble = troubles.get(key)
      const before = trouble?.faults ?? 0
      const isOpen = trouble !== undefined && before >= faults && !trouble.isTried && trouble.until > clock.now()
      if (isOpen) return // it was asked before, and says nothing new
      const backoff = shortest * 2 ** Math.max(0, before + 1 - faults)
      troubles.set(key, {
        faults: before + 1,
        until: clock.now() + Math.min(longest, Math.max(backoff, atLeast)),
        isTried: false,
      })
    },
  }
}

/** What says something of the upstream, not of one request. */
const counts: Readonly<Record<UpstreamFault, boolean>> = {
  unreachable: true,
  unauthorized: true,
  busy: false,
  timeout: false,
  interrupted: false,
  invalid: false,
}

/**
 * The same upstream, not reached for while it is known to be down: `unreachable` at once, with the seconds to wait. An answer
 * closes the breaker, an error of JSON-RPC included.
 */
export function withBreaker(upstream: Upstream, clock: Pick<Clock, 'now'>): Upstream {
  const { name, timeouts } = upstream.settings
  const breaker = createBreaker({ clock, faults: 3, patience: Math.max(timeouts.connect, shortest) })

  /** `isProof`: what resolves was answered by the upstream just now. */
  async function guard<Result>(behalf: Behalf, work: () => Promise<Result>, isProof: boolean): Promise<Result> {
    const key = credentialKey(upstream, behalf)
    const wait = breaker.wait(key)
    if (wait > 0) {
      const retryAfter = Math.ceil(wait / 1000)
      throw new UpstreamError(name, 'unreachable', `${name} is unavailable, try again in ${retryAfter} s`, {
        retryAfter,
      })
    }
    try {
      const result = await work()
      if (isProof) breaker.good(key)
      else breaker.unused(key)
      return result
    } catch (error) {
      if (error instanceof RpcError) breaker.good(key)
      else if (error instanceof UpstreamError && counts[error.fault]) breaker.bad(key, (error.retryAfter ?? 0) * 1000)
      throw error
    }
  }

  return {
    settings: upstream.settings,
    get open() {
      return upstream.open
    },
    describe: (behalf) => guard(behalf, () => upstream.describe(behalf), false),
    request: (request, behalf) => guard(behalf, () => upstream.request(request, behalf), true),
    notify: (notification, behalf) => guard(behalf, () => upstream.notify(notification, behalf), false),
    listen: (behalf, resources, hear) => upstream.listen(behalf, resources, hear),
    close: () => upstream.close(),
  }
}
