// The shape of the codes that people type (RFC 8628 §6.1): eight of twenty consonants, shown as two groups of four. The
// engine draws the first one by itself, of the same shape: see provider/configuration.ts.
import { randomInt } from 'node:crypto'

const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
const GROUP = 4
const LENGTH = 2 * GROUP
/** Characters that anybody types or links to: the rest is no code, and not shown. */
const LONGEST_TYPED = 64

/** As the engine is told it. */
export const engineShape = { charset: 'base-20', mask: '****-****' } as const

export function drawUserCode(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}

/** What was typed, as codes are compared: letters and digits in upper case. People type spaces, dashes and lower case. */
export function readUserCode(typed: unknown): string {
  return typeof typed === 'string' && typed.length <= LONGEST_TYPED ? typed.toUpperCase().replace(/[^A-Z0-9]/g, '') : ''
}

/** Whether some code could be this long: of what letters it is made is told by looking for it. */
export function isAsLongAsUserCode(read: string): boolean {
  return read.length === LENGTH
}

/** A code, or what was read of one, in the form in which devices show it. */
export function showUserCode(read: string): string {
  return [read.slice(0, GROUP), read.slice(GROUP, 2 * LENGTH)].filter(Boolean).join('-')
}
