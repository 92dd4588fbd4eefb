import { setTimeout as wait } from 'node:timers/promises'

/** Asks every so many milliseconds until the answer is yes. Returns how many that took; throws after `within` of them. */
export async function until(isSo: () => Promise<boolean> | boolean, within: number, every = 25): Promise<number> {
  const started = performance.now()
  for (;;) {
    const asked = performance.now()
    if (await isSo()) return Math.round(asked - started)
    if (asked - started > within) throw new Error(`not within ${within} ms`)
    await wait(every)
  }
}
