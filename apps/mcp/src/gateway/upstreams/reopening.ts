// When a stream that an upstream broke is opened again: an upstream may name the pause (`retry:`), within what is bearable, and
// one that opens only to break again is left alone for longer each time.

const shortest = 1_000
const longest = 30_000
/** Milliseconds that a stream has to last to count as one that works. */
const lasting = 60_000

export type Reopening = (reopen: () => void, wanted: number) => () => void

/** `now`: milliseconds. What it returns is a `ReconnectionScheduler` of the SDK. */
export function createReopening(now: () => number): Reopening {
  let failures = 0
  let last = Number.NEGATIVE_INFINITY
  return (reopen, wanted) => {
    failures = now() - last > lasting ? 0 : failures + 1
    const pause = Math.min(longest, Math.max(shortest * 2 ** Math.min(failures, 5), wanted || 0))
    last = now() + pause
    const timer = setTimeout(reopen, pause).unref()
    return () => clearTimeout(timer)
  }
}
