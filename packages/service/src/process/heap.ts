// How much garbage a service lets stand. By itself V8 looks through a heap again when that has become up to four times what
// was in use: a service that keeps 50 MB then takes 400 MB.
import { setTimeout as wait } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'

/** Percent of what is in use. The heap still grows as far as it is needed: this is no limit. */
const growth = 50
const flag = '--heap-growing-percent'

/** `given` are the options that Node.js was started with: who gives this one there is left alone. */
export function boundGarbage(given: readonly string[], set: (flag: string) => void = setFlagsFromString): void {
  if (!given.some((option) => option.replaceAll('_', '-').startsWith(flag))) set(`${flag}=${growth}`)
}

/** Milliseconds after a start. What comes first then, such as a look by a health check, is over. */
const settled = 2_000

/**
 * Gives back, once, what only the start needed: a sixth of what a service at rest takes. The process stands still for about a
 * tenth of a second. `collect`: see {@link collectGarbage}.
 */
export async function releaseAfterStart(collect = collectGarbage, after = settled): Promise<void> {
  await wait(after, undefined, { ref: false })
  // a Node.js that may not or cannot do it keeps a little more
  await collect().catch(() => undefined)
}

/** As V8 does it when a system is short of memory: everything, and the pages go back to the system. */
export async function collectGarbage(): Promise<void> {
  const { Session } = await import('node:inspector/promises')
  const session = new Session()
  session.connect()
  try {
    await session.post('HeapProfiler.collectGarbage')
  } finally {
    session.disconnect()
  }
}
