// How much garbage a service lets stand. By itself V8 looks through a heap again when that has become up to four times what
// was in use: a service that keeps 50 MB then takes 400 MB.
import { setFlagsFromString } from 'node:v8'

/** Percent of what is in use. The heap still grows as far as it is needed: this is no limit. */
const growth = 50
const flag = '--heap-growing-percent'

/** `given` are the options that Node.js was started with: who gives this one there is left alone. */
export function boundGarbage(given: readonly string[], set: (flag: string) => void = setFlagsFromString): void {
  if (!given.some((option) => option.replaceAll('_', '-').startsWith(flag))) set(`${flag}=${growth}`)
}
