// Texts of upstreams for a person's eyes: what nobody can see, what changes the order in which one reads, and what a terminal
// would act on is written as its number.

// C: control and format characters, bidirectional ones and tags included, lone surrogates, private use, what is unassigned.
// DI: what is not drawn, such as variation selectors and fillers. U+2800 is an empty pattern of braille.
const unseen = /[\p{C}\p{DI}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}/gu

/** As `\u{202e}`. Line breaks, too: who wants lines splits first. */
export function visible(text: string): string {
  return text
    .replaceAll('\\u{', '\\\\u{')
    .replace(unseen, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** JSON of the same value, with `\uXXXX` for all that nobody would see. */
export function visibleJson(value: unknown, indent?: number): string {
  // in JSON a line break stands between values only
  return JSON.stringify(value, null, indent).replace(unseen, (character) =>
    character === '\n' ? character : escaped(character),
  )
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
