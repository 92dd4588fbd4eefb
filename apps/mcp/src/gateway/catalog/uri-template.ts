// Whether a URI may have been made from a template (RFC 6570). The `match` of the SDK is an expression that backtracks: one
// upstream's template and one client's URI could stop the process. This takes time in proportion to both.

const longest = 2_048
const mostParts = 40

type Part =
  | string
  /** One or more of such characters. */
  | { readonly some: string }
  /** Nothing, or this and any characters of a query. */
  | { readonly maybe: string }

export type UriPattern = (uri: string) => boolean

/** Characters that end it. */
const anything = ''
const inQuery = '#'
const listItem = '/'
const segment = '/,'

/** Undefined: it is no template, or too large to be matched. */
export function readUriTemplate(template: string): UriPattern | undefined {
  if (template.length > longest) return undefined
  const parts: Part[] = []
  for (const [index, text] of template.split(/\{([^{}]*)\}/).entries()) {
    if (index % 2 === 1) parts.push(...expression(text))
    else if (/[{}]/.test(text)) return undefined
    else if (text !== '') parts.push(text)
  }
  return parts.length > mostParts ? undefined : (uri) => uri.length <= longest && fits(parts, uri)
}

function expression(text: string): readonly Part[] {
  const [, operator = '', variables = ''] = /^([+#./;?&]?)(.*)$/su.exec(text) ?? []
  const one = /[,*]/.test(variables) ? listItem : segment
  if (operator === '?' || operator === '&') return [{ maybe: operator }]
  if (operator === '+') return [{ some: anything }]
  if (operator === '#') return ['#', { some: anything }]
  if (operator === '/') return ['/', { some: /[,*]/.test(variables) ? anything : segment }]
  return operator === '' ? [{ some: one }] : [operator, { some: one }]
}

function fits(parts: readonly Part[], uri: string): boolean {
  let reached = new Uint8Array(uri.length + 1)
  reached[0] = 1
  for (const part of parts) {
    reached = after(part, uri, reached)
    if (!reached.includes(1)) return false
  }
  return reached[uri.length] === 1
}

/** Where in the URI one may be after the part, from where one was before it. */
function after(part: Part, uri: string, from: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const next = typeof part !== 'string' && 'maybe' in part ? from.slice() : new Uint8Array(from.length)
  if (typeof part === 'string') {
    for (let at = 0; at < from.length; at++) if (from[at] && uri.startsWith(part, at)) next[at + part.length] = 1
    return next
  }
  const such = 'some' in part ? part.some : inQuery
  let isInside = false
  for (let at = 0; at < uri.length; at++) {
    const character = uri[at] ?? ''
    const begins = from[at] === 1 && ('some' in part || character === part.maybe)
    isInside = (isInside || begins) && !such.includes(character)
    if (isInside) next[at + 1] = 1
  }
  return next
}
