import { setTimeout as wait } from 'node:timers/promises'

/** Asks again and again until the answer is yes. Returns the milliseconds that took; throws after `within` of them. */
export async function until(isSo: () => Promise<boolean> | boolean, within: number): Promise<number> {
  const started = performance.now()
  for (;;) {
    const asked = performance.now()
    if (await isSo()) return Math.round(asked - started)
    if (asked - started > within) throw new Error(`not within ${within} ms`)
    await wait(25)
  }
}
