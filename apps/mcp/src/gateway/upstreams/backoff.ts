// How long nothing is tried after a failure: 1 s, doubling to 60 s, until something succeeds.
const first = 1_000
const longest = 60_000

export interface Backoff {
  /** Milliseconds for which nothing is to be tried; 0: try. */
  remaining(): number
  failed(): void
  succeeded(): void
  /** Whether the last failure is too long ago to count. */
  isOver(): boolean
}

export function createBackoff(now: () => number): Backoff {
  let failures = 0
  let until = 0
  return {
    remaining: () => Math.max(0, until - now()),
    failed() {
      until = now() + Math.min(longest, first * 2 ** failures)
      failures = Math.min(failures + 1, 10)
    },
    succeeded() {
      failures = 0
      until = 0
    },
    isOver: () => now() >= until + longest,
  }
}
