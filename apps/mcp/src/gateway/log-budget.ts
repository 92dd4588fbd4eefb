// How much of the log one upstream may fill: what it does wrong a thousand times is said some times, and counted.

/** Characters of a line: names in it are an upstream's. */
export const longestMessage = 400

export interface LogBudget {
  /** Runs `say`, or counts: it is told how many were left out since it was run last. */
  spend(upstream: string, say: (leftOut: number) => void): void
}

/** Lines of one upstream in a minute. */
const most = 30
const minute = 60_000

/** `now`: milliseconds. */
export function createLogBudget(now: () => number): LogBudget {
  const spent = new Map<string, { since: number; lines: number; leftOut: number }>()
  return {
    spend(upstream, say) {
      const before = spent.get(upstream)
      const isNew = !before || now() - before.since >= minute
      const one = isNew ? { since: now(), lines: 0, leftOut: before?.leftOut ?? 0 } : before
      spent.set(upstream, one)
      if (one.lines >= most) {
        one.leftOut += 1
        return
      }
      one.lines += 1
      say(one.leftOut)
      one.leftOut = 0
    },
  }
}
