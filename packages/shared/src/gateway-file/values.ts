// Values that stand in several places of the file.
import { z } from 'zod'

const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
/** Milliseconds. Timers of Node take no more. */
const longest = 24 * unit.d

/** `500ms`, `10s`, `5m`, `12h`, `1d`: milliseconds in the result. */
export const duration = z
  .string('must be a duration with a unit, such as 10s or 5m')
  .regex(/^\d{1,9}(ms|s|m|h|d)$/, {
    error: 'must be a whole number and a unit (ms, s, m, h, d), such as 10s',
    abort: true,
  })
  .transform((text) => {
    const [, count = '', name = 's'] = /^(\d+)(\D+)$/.exec(text) ?? []
    return Number(count) * unit[name as keyof typeof unit]
  })
  .refine((milliseconds) => milliseconds > 0 && milliseconds <= longest, 'must be from 1ms to 24d')

/** `600/min`: how many times in a time. */
export const rate = z
  .string('must be how many times in a time, such as 600/min')
  .regex(/^\d{1,9}\/(s|min|h)$/, {
    error: 'must be a whole number, a slash and a time (s, min, h), such as 600/min',
    abort: true,
  })
  .transform((text) => {
    const [, count = '', per = 's'] = /^(\d+)\/(\w+)$/.exec(text) ?? []
    return { count: Number(count), per: per as 's' | 'min' | 'h' }
  })
  .refine(({ count }) => count >= 1 && count <= 1_000_000, 'must be from 1 to 1000000 times')

/** Of an upstream. */
export const upstreamName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'a name has at most 20 of a-z, 0-9 and -, and begins with a letter')

/** Of an environment variable. */
export const variableName = z
  .string('must be the name of an environment variable')
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable: letters, digits and _')

const text = z.string('must be text: put it in quotes')

/** One line of text, which is not empty. */
export const line = text.regex(/^\P{C}+$/u, 'must be one line of text, and not empty')

/** Text without a NUL, which no program can be given. */
export const argument = text.regex(/^[^\0]*$/, 'must not have a NUL in it')

/** Where a secret is. It never stands in the file itself. */
export const secret = z
  .union([z.strictObject({ env: variableName }), z.strictObject({ file: line })], {
    error: 'is a secret: write { env: NAME } or { file: path }, never its text',
  })
  .meta({ description: 'A secret: { env: NAME } or { file: path }. A path is relative to the folder of this file.' })

export const count = (max: number, fallback: number) => {
  const words = `must be a whole number from 1 to ${max}`
  return z.int(words).min(1, words).max(max, words).default(fallback)
}

export const flag = (fallback: boolean) => z.boolean('must be true or false').default(fallback)
