// Which addresses a code may be sent to, and people after they signed out.
import { errors } from 'oidc-provider'

const forbiddenSchemes = new Set([
  'javascript:',
  'data:',
  'vbscript:',
  'file:',
  'blob:',
  'about:',
  'ftp:',
  'ws:',
  'wss:',
])
const limits = { uri: 2_048, uris: 32 }

/** Schemes of our own that codes may be sent to, with their colon. `any`: an operator vouches for them. */
export type RedirectSchemes = ReadonlySet<string> | 'any'

type Metadata = Record<string, unknown>

/** RFC 7591 §3.2.2. The engine has this code for its own findings only; its InvalidRedirectUri is of a request. */
export class InvalidRedirectUrisError extends errors.InvalidClientMetadata {
  constructor(why: string) {
    super(`redirect_uris: ${why}`)
    Object.assign(this, { message: 'invalid_redirect_uri', error: 'invalid_redirect_uri' })
  }
}

/** Throws {@link InvalidRedirectUrisError}. Settles what kind of an application the client is. */
export function checkRedirects(metadata: Metadata, schemes: RedirectSchemes): void {
  const uris = metadata.redirect_uris
  if (uris === undefined) {
    delete metadata.application_type
    return
  }
  if (!Array.isArray(uris) || uris.length > limits.uris)
    throw new InvalidRedirectUrisError(`must be an array of at most ${limits.uris}`)
  const kinds = uris.map((uri) => redirectKind(uri, schemes))
  // Loopback ports are free for native clients alone, and many clients that need it do not say so.
  if (kinds.some((kind) => kind !== 'web')) metadata.application_type = 'native'
  else delete metadata.application_type
}

/** Where people may be sent after they signed out: no worse an address than one that gets codes. */
export function checkLogoutRedirects(metadata: Metadata, schemes: RedirectSchemes): void {
  const uris = metadata.post_logout_redirect_uris
  if (uris === undefined) return
  if (!Array.isArray(uris) || uris.length > limits.uris)
    throw new errors.InvalidClientMetadata(`post_logout_redirect_uris must be an array of at most ${limits.uris}`)
  for (const uri of uris) redirectKind(uri, schemes)
}

/** Throws for an address that a code must never be sent to. */
function redirectKind(uri: unknown, schemes: RedirectSchemes): 'web' | 'loopback' | 'private' {
  const url = typeof uri === 'string' && uri.length <= limits.uri ? URL.parse(uri) : null
  // URL parsers forgive spaces, controls and backslashes; an exact comparison later would not be of what was checked here
  if (!url || typeof uri !== 'string' || /[\s\\\p{Cc}]|%00|^\/\//u.test(uri))
    throw new InvalidRedirectUrisError('each must be an absolute URI')
  // nor missing slashes, nor too many, nor an empty user: "https:x", "https:///x" and "https://@x/" all are https://x/ to them
  const [, authority = ''] = /^[^/?#]*:\/\/([^/?#]*)/.exec(uri) ?? []
  if (!authority && /^https?:$/.test(url.protocol))
    throw new InvalidRedirectUrisError(`write ${url.protocol}// and the host after it`)
  if (url.hash || uri.includes('#')) throw new InvalidRedirectUrisError('a fragment is not allowed')
  if (authority.includes('@')) throw new InvalidRedirectUrisError('user information is not allowed')
  if (forbiddenSchemes.has(url.protocol)) throw new InvalidRedirectUrisError(`${url.protocol} is not allowed`)
  if (url.hostname.includes('*')) throw new InvalidRedirectUrisError('wildcards are not allowed')
  if (url.protocol === 'https:') return 'web'
  if (url.protocol === 'http:') {
    if (isLoopbackRedirect(url.hostname)) return 'loopback'
    throw new InvalidRedirectUrisError('http is for this computer alone (localhost, 127.0.0.1, [::1]); use https')
  }
  const reverseDomain = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/.test(url.protocol)
  if (schemes !== 'any' && !reverseDomain && !schemes.has(url.protocol)) {
    throw new InvalidRedirectUrisError(
      `the scheme ${url.protocol} must be a reversed domain name, such as com.example.app:, or be admitted by the operator (AUTH_REDIRECT_SCHEMES)`,
    )
  }
  return 'private'
}

/**
 * On this machine `http://127.0.0.1:33418` and `http://127.0.0.1:33418/` are one address (RFC 3986 §6.2.3). The engine compares text,
 * and who copies an address from an editor does not see which of them it sends.
 */
export function spellRootsBothWays(metadata: Metadata): void {
  const uris = metadata.redirect_uris
  if (!Array.isArray(uris)) return
  const both = uris.flatMap((uri: string) => {
    const { protocol, hostname, pathname, search } = new URL(uri)
    const isRoot = protocol === 'http:' && isLoopbackRedirect(hostname) && pathname === '/' && search === ''
    return isRoot ? [uri.replace(/\/$/, ''), `${uri.replace(/\/$/, '')}/`] : [uri]
  })
  metadata.redirect_uris = [...new Set(both)]
}

/** Of redirects these alone (RFC 8252 §7.3 and §8.3): the engine has any port for no other number of this machine. */
export function isLoopbackRedirect(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
}
