/** Nobody means anything by more levels than this; whoever walks them by recursion runs out of stack. */
const DEPTH_LIMIT = 64

/**
 * Whether a text that is to be read as JSON is nested more than 64 levels deep. Looks at the text alone, in one pass, so
 * that nothing is built of it. What does not begin like an object or an array is none, whatever it has inside.
 */
export function isTooDeep(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  let depth = 0
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]
    if (character === '"') index = endOfString(text, index)
    else if (character === '[' || character === '{') depth += 1
    else if (character === ']' || character === '}') depth -= 1
    if (depth > DEPTH_LIMIT) return true
  }
  return false
}

/** The index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1
    else if (text[index] === '"') return index
  }
  return text.length
}

/**
 * JSON.parse for what others wrote. Throws SyntaxError for what is not JSON and for what {@link isTooDeep}, in words that
 * may be shown: none of the text is in them.
 */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw new SyntaxError(`JSON that is nested more than ${DEPTH_LIMIT} levels deep`)
  try {
    return JSON.parse(text)
  } catch {
    throw new SyntaxError('not JSON')
  }
}
