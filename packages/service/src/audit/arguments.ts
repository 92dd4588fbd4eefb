// What a line may say of the arguments of a call, and of any text that a caller made up. A list of names and patterns finds
// the secrets that look like one; it cannot know of others.
import type { AuditSettings } from './settings.ts'

/** Characters of one text, of a name, and of all arguments of one line. */
const longestText = 200
const longestName = 64
const mostOfAll = 4_096
const mostNames = 50
const deepest = 6

const redacted = '[redacted]'
const cut = '[cut]'

/** Compared without case, dashes and underscores. */
const secretNames =
  /passw|passphrase|secret|token|credential|authori[sz]ation|cookie|apikey|accesskey|privatekey|signature|session|otp$|^pin$|pat$|bearer|jwt/

/** What is well known, our own access tokens among it. */
const secretTexts = [
  /eyJ[\w-]{8,}\.[\w-]+/,
  /\b(?:bearer|basic|dpop)\s+\S{8,}/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY/,
  /\b(?:gh[pousr]_|github_pat_|xox[abprs]-|sk-|sk_live_|rk_live_|glpat-|AKIA|AIza)[\w-]{8,}/,
  /:\/\/[^/\s:@]*:[^/\s@]+@/,
]
/** As our other tokens and codes are: long, with digits and both cases. Names of tools and ids may be so, too. */
const randomText = /(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{40,}/

/** A text that somebody made up, such as a name: cut, and struck out where it is a secret of a well-known form. */
export function shownText(text: string, longest = longestText): string {
  return shownUnless(secretTexts, text, longest)
}

function shownUnless(secrets: readonly RegExp[], text: string, longest: number): string {
  // looked through before it is cut: half a secret would not look like one
  if (secrets.some((pattern) => pattern.test(text.slice(0, 4 * longest)))) return redacted
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

/** A URI without its query and fragment, where secrets travel. */
export function shownUri(uri: string): string {
  return shownText(uri.replace(/[?#].*$/s, ''))
}

/** Undefined where nothing is to be said. */
export function shownArguments(
  args: unknown,
  { arguments: mode, redact }: Pick<AuditSettings, 'arguments' | 'redact'>,
): string[] | Record<string, unknown> | undefined {
  if (mode === 'none' || typeof args !== 'object' || args === null || Array.isArray(args)) return undefined
  if (mode === 'names') return Object.keys(args).slice(0, mostNames).map(shownName)
  const isOwn = globs(redact)
  let left = mostOfAll

  function shown(value: unknown, depth: number): unknown {
    if (left <= 0) return cut
    if (typeof value === 'string') {
      const text = shownUnless([...secretTexts, randomText], value, longestText)
      left -= text.length
      return text
    }
    left -= 8
    if (typeof value !== 'object' || value === null) return value
    if (depth >= deepest) return cut
    if (Array.isArray(value)) return value.slice(0, mostNames).map((each) => shown(each, depth + 1))
    return members(value, depth)
  }
  function members(parent: object, depth: number): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(parent)
        .slice(0, mostNames)
        .map(([name, value]) => {
          left -= Math.min(name.length, longestName)
          return [shownName(name), isSecretName(name) || isOwn(name) ? redacted : shown(value, depth + 1)]
        }),
    )
  }
  return members(args, 0)
}

function shownName(name: string): string {
  return shownText(name, longestName)
}

function isSecretName(name: string): boolean {
  return secretNames.test(name.toLowerCase().replace(/[^a-z0-9]/g, ''))
}

/** `*` is any text. */
function globs(patterns: readonly string[]): (name: string) => boolean {
  const escaped = patterns.map((glob) => glob.split('*').map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')))
  const expressions = escaped.map((parts) => new RegExp(`^${parts.join('.*')}$`, 's'))
  return (name) => expressions.some((expression) => expression.test(name.slice(0, longestText).toLowerCase()))
}
