// Fitting text into a terminal: widths in columns, wrapping, cutting. Pure; the text has been cleaned before.
import { stripVTControlCharacters } from 'node:util'

const segments = new Intl.Segmenter()
const wide =
  /^(\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])/u

/** Columns that a text takes; our own colours take none. */
export function widthOf(text: string): number {
  let width = 0
  for (const { segment } of segments.segment(stripVTControlCharacters(text))) width += wide.test(segment) ? 2 : 1
  return width
}

/** The text, cut with an ellipsis if it is wider than `width`. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  for (const { segment } of segments.segment(text)) {
    if (widthOf(kept + segment) >= width) break
    kept += segment
  }
  return `${kept}…`
}

/** The text with blanks behind it, up to `width`. */
export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Lines no wider than `width`, broken between words. Only a single word that is wider stays whole: a URL. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    const lines: string[] = []
    let current = ''
    for (const word of line.split(' ')) {
      const longer = current === '' ? word : `${current} ${word}`
      if (current !== '' && widthOf(longer) > width) {
        lines.push(current)
        current = word
      } else current = longer
    }
    return [...lines, current]
  })
}

/** Names and what they are about, beside each other. */
export function table(rows: readonly (readonly string[])[], columns: number): string[] {
  const left = Math.max(...rows.map(([name = '']) => name.length)) + 4
  return rows.flatMap(([name = '', about = '']) => {
    const [first = '', ...rest] = wrap(about, Math.max(20, columns - left))
    return [`${pad(`  ${name}`, left)}${first}`, ...rest.map((line) => ' '.repeat(left) + line)]
  })
}
