/** Nobody means anything by more levels than this; anyone who walks them by recursion runs out of stack. */
const depthLimit = 64

const [QUOTE, BACKSLASH, LIST, END_OF_LIST, OBJECT, END_OF_OBJECT] = [34, 92, 91, 93, 123, 125]

/**
 * For JSON that comes in pieces, in UTF-8: says of each whether the text is nested more than 64 levels deep by now. Looks
 * at the text alone, in one pass, so that nothing is built of it.
 */
export function createDepthMeter(): (piece: Uint8Array) => boolean {
  let depth = 0
  let isInString = false
  let isEscaped = false
  return (piece) => {
    for (const byte of piece) {
      if (isInString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) isInString = false
      } else if (byte === QUOTE) isInString = true
      else if (byte === LIST || byte === OBJECT) depth += 1
      else if (byte === END_OF_LIST || byte === END_OF_OBJECT) depth -= 1
      if (depth > depthLimit) return true
    }
    return false
  }
}

/** The same of a whole text. What does not begin like an object or a list counts as none, whatever it has inside. */
export function isTooDeep(text: string): boolean {
  return opensMuch(text) && /^\s*[[{]/.test(text) && createDepthMeter()(new TextEncoder().encode(text))
}

/** Whether there are enough of them at all, those in strings included. Few texts have. */
function opensMuch(text: string): boolean {
  let opened = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === LIST || code === OBJECT) opened += 1
  }
  return opened > depthLimit
}

/**
 * JSON.parse for what others wrote. Throws SyntaxError for what is not JSON and for what {@link isTooDeep}, in words that
 * may be shown: none of the text is in them.
 */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) throw new SyntaxError(`JSON that is nested more than ${depthLimit} levels deep`)
  try {
    return JSON.parse(text)
  } catch {
    throw new SyntaxError('not JSON')
  }
}
