// Whether a write would survive a failover.

import type { Redis } from 'ioredis'
import { StoreUnavailableError } from './errors.ts'

/** Milliseconds that are waited for a replica, and for which, when there was none to wait for, nobody looks again. */
const patience = 100
const rest = 1_000
/** How often the master is asked about its replicas, and for how long it is remembered that it had one. Milliseconds. */
const lookInterval = 2_000
const memory = 10_000

export interface Replication {
  /**
   * Resolves when a replica has everything that was written before, by whomever. Redis holds up a connection while it waits,
   * so that callers share a WAIT.
   *
   * Throws {@link StoreUnavailableError} where this master had a replica in the last ten seconds that was not in time: it
   * may be about to be the master, without what was written. Else it resolves, and `onUncopied` is told.
   */
  copied(): Promise<void>
  close(): void
}

/** `mark` is a key to write to: WAIT is about what its own connection wrote, and so about all that came before that. */
export function watchReplication(redis: Redis, mark: string, onUncopied: (() => void) | undefined): Replication {
  let last: Promise<void> = Promise.resolve()
  /** Not sent yet: it will count for the one who comes now. */
  let next: Promise<void> | undefined
  /** Which master had no replica, and until when it is not asked again. */
  let resting = { master: '', until: Number.NEGATIVE_INFINITY }
  /** Of which master a replica was heard of, and when. */
  let heard = { master: '', at: Number.NEGATIVE_INFINITY }

  const master = () => `${redis.stream?.remoteAddress}:${redis.stream?.remotePort}`
  const looking = setInterval(() => {
    if (redis.status === 'ready') look().catch(() => undefined)
  }, lookInterval).unref()

  async function look(): Promise<void> {
    const asked = master()
    const silence = silenceOfReplicas(await redis.info('replication'))
    const at = performance.now() - silence
    if (silence < memory && (heard.master !== asked || heard.at < at)) heard = { master: asked, at }
  }

  async function wait(): Promise<void> {
    next = undefined
    if (resting.master !== master() || performance.now() > resting.until) {
      const [, copies] = await Promise.all([redis.set(mark, '', 'PX', memory), redis.wait(1, patience)])
      if (copies > 0) {
        heard = { master: master(), at: performance.now() }
        return
      }
      await look()
      const hadReplica = heard.master === master() && performance.now() - heard.at < memory
      if (hadReplica) throw new StoreUnavailableError('no replica was in time')
      resting = { master: master(), until: performance.now() + rest }
    }
    onUncopied?.()
  }

  return {
    async copied() {
      const writtenTo = master()
      next ??= last.catch(() => undefined).then(wait)
      last = next
      await next
      if (master() !== writtenTo) throw new StoreUnavailableError('another master answered for what this one was told')
    },
    close: () => clearInterval(looking),
  }
}

/** Milliseconds since one of them said something. One that has said nothing yet (offset 0) still loads: it counts as none. */
function silenceOfReplicas(info: string): number {
  const lags = [...info.matchAll(/^slave\d+:.*state=online,offset=[1-9].*lag=(\d+)/gm)].map(
    ([, lag]) => Number(lag) * 1_000,
  )
  return Math.min(Number.POSITIVE_INFINITY, ...lags)
}
