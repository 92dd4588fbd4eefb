// Tokens for the forms of our pages. One for each browser session or interaction rather than for each page shown, so
// that two open tabs do not break each other. They do NOT expire by themselves: they are worth as much as the cookie
// that goes with them, and pages check Sec-Fetch-Site besides.
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto'

export interface Xsrf {
  /** `binding` is what the browser proves by a cookie: a session's or an interaction's id. */
  issue(binding: string): string
  verify(binding: string, presented: unknown): boolean
}

/** `secrets`: newest first. The first one issues, all verify. */
export function createXsrf(secrets: readonly Buffer[]): Xsrf {
  const keys = secrets.map((secret) => createSecretKey(secret))
  const sign = (key: KeyObject, binding: string) => createHmac('sha256', key).update(binding).digest()
  const [newest] = keys
  if (!newest) throw new TypeError('at least one key is needed')
  return {
    issue: (binding) => sign(newest, binding).toString('base64url'),
    verify: (binding, presented) => {
      if (typeof presented !== 'string') return false
      const actual = Buffer.from(presented, 'base64url')
      return keys.some((key) => {
        const expected = sign(key, binding)
        return expected.length === actual.length && timingSafeEqual(expected, actual)
      })
    },
  }
}

/** Whether a form came from one of our own pages, as far as the browser says (Fetch Metadata). */
export function isSameOrigin(secFetchSite: string | string[] | undefined): boolean {
  return secFetchSite === undefined || secFetchSite === 'same-origin' || secFetchSite === 'none'
}
