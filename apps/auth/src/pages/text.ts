// Makes other people's text fit to be shown: names that apps gave themselves, hosts, addresses, program names. It does
// not escape; that is the template tag's work.

/** Longer input is not looked at: nobody reads it, and cleaning it costs time. */
export const readAtMost = 4096

const longest = 64

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * One line of visible text of at most `limit` characters (UTF-16 units, the ellipsis included). Control, bidi and
 * zero-width characters go, white space becomes single spaces, heaps of accents are thinned out. May come out empty.
 */
export function cleanText(text: string, limit: number = longest): string {
  const cleaned = text
    .slice(0, readAtMost)
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\s\p{Z}\u2800]+/gu, ' ') // U+2800 is a braille letter without dots
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Default_Ignorable_Code_Point}\ufffd]/gu, '')
    .replace(/(\p{M}{3})\p{M}+/gu, '$1')
    .replace(/ {2,}/g, ' ')
    .trim()
  return cut(cleaned, limit)
}

/** The name of an app as it may be shown; undefined where nothing visible is left. */
export function displayName(name: string | undefined): string | undefined {
  return cleanText(name ?? '') || undefined
}

/** A host (and port) in ASCII, so that letters of another script do not pass for Latin ones. */
export function displayHost(host: string): string {
  const url = URL.parse(`https://${cleanText(host, 255)}`)
  return url && url.pathname === '/' && !url.username ? url.host : cleanText(host).replace(/[^\x20-\x7e]/g, '?')
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    if (kept.length + segment.length > limit - 1) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}
