import { setTimeout as delay } from 'node:timers/promises'

/** Time, injected so that no test waits. */
export interface Clock {
  /** Seconds since the epoch, with a fraction. */
  now(): number
  /** Rejects with the signal's reason when it is aborted. */
  sleep(seconds: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now() / 1000,
  async sleep(seconds, signal) {
    await delay(seconds * 1000, undefined, { signal }).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw error
    })
  },
}
