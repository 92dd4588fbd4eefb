// The shape of the codes that people type (RFC 8628 §6.1): eight of twenty consonants, shown as two groups of four. The
// engine draws the first one by itself, of the same shape: see provider/configuration.ts.
import { randomInt } from 'node:crypto'

const alphabet = 'BCDFGHJKLMNPQRSTVWXZ'
const group = 4
const codeLength = 2 * group
/** Characters that anybody types or links to: the rest is no code, and not shown. */
const longestTyped = 64

/** As the engine is told it. */
export const engineShape = { charset: 'base-20', mask: '****-****' } as const

export function drawUserCode(): string {
  return Array.from({ length: codeLength }, () => alphabet[randomInt(alphabet.length)]).join('')
}

/** What was typed, as codes are compared: letters and digits in upper case. People type spaces, dashes and lower case. */
export function readUserCode(typed: unknown): string {
  return typeof typed === 'string' && typed.length <= longestTyped ? typed.toUpperCase().replace(/[^A-Z0-9]/g, '') : ''
}

/** Whether some code could be this long: of what letters it is made is told by looking for it. */
export function isAsLongAsUserCode(read: string): boolean {
  return read.length === codeLength
}

/** A code, or what was read of one, in the form in which devices show it. */
export function showUserCode(read: string): string {
  return [read.slice(0, group), read.slice(group, 2 * codeLength)].filter(Boolean).join('-')
}
