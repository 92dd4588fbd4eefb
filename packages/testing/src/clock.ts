/** A clock that stands still until a test moves it. */
export interface TestClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly elapse: (seconds: number) => void
}

export function createTestClock(start = Date.UTC(2026, 0, 1)): TestClock {
  let now = start
  return {
    now: () => now,
    elapse: (seconds) => {
      now += seconds * 1000
    },
  }
}
