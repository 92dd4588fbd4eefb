// Text that came from a server, made safe to show: it can neither move the cursor, nor reorder what is read, nor flood
// the screen. Does NOT judge what the words say.
import { stripVTControlCharacters } from 'node:util'

// Cc: control characters, C1 included. Cf: bidirectional and other invisible ones, tags included. Zl, Zp: line and
// paragraph separators. Cs: lone surrogates. The two joiners stay: emoji and several scripts need them.
const unsafe = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
const unsafeExceptBreaks = /(?![\n\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** One line of at most `limit` characters: line breaks become spaces, the rest of what is unsafe goes. */
export function cleanLine(text: string, limit = 200): string {
  const line = stripVTControlCharacters(text.slice(0, limit * 8))
    .replace(/\s+/g, ' ')
    .replace(unsafe, '')
    .trim()
  return cut(line, limit)
}

/** Several lines of at most `limit` characters together: line breaks and tabs stay. */
export function cleanText(text: string, limit = Number.POSITIVE_INFINITY): string {
  const slice = limit === Number.POSITIVE_INFINITY ? text : text.slice(0, limit * 8)
  return cut(stripVTControlCharacters(slice.replaceAll('\r\n', '\n')).replace(unsafeExceptBreaks, ''), limit)
}

/** JSON that means the same and holds no character that a terminal would act on: those are written as `\uXXXX`. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(unsafeExceptBreaks, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  return `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…`
}
