// How often to ask whether the person has approved: RFC 8628 §3.5. Pure; all times in seconds.

const defaultInterval = 5
const longestInterval = 60
const longestLife = 30 * 60

export interface Pace {
  /** Seconds to wait before the next request. */
  delay(): number
  /** The server answered that nothing has happened yet. */
  answered(): void
  /** The server said `slow_down`: 5 s more, for good. */
  slowDown(): void
  /** No usable answer: twice as long each time, until there is one; never sooner than the server asks for. */
  failed(retryAfter?: number): void
}

/** A pace that stays between 1 and 60 s, whatever the server says. */
export function createPace(interval: unknown): Pace {
  let base = clamp(typeof interval === 'number' && interval > 0 ? interval : defaultInterval)
  let backoff = 0
  return {
    delay: () => Math.max(base, backoff),
    answered() {
      backoff = 0
    },
    slowDown() {
      backoff = 0
      base = clamp(base + 5)
    },
    failed(retryAfter = 0) {
      backoff = clamp(Math.max(2 * Math.max(base, backoff), retryAfter))
    },
  }
}

/** How long a device code is waited for: what the server says, but half an hour at most. */
export function boundedLife(expiresIn: number): number {
  return Math.min(expiresIn, longestLife)
}

function clamp(seconds: number): number {
  return Math.min(Math.max(seconds, 1), longestInterval)
}
