// The challenge in a WWW-Authenticate header (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1). Untrusted: who uses it checks it.
import type { Challenge } from '../errors.ts'

export interface HeaderChallenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** The Bearer challenge, else the first one; `undefined`: there is none. Reads more than is well-formed. */
export function readChallenge(header: string | null): HeaderChallenge | undefined {
  if (header === null || header.trim() === '') return undefined
  const challenges = header.split(/,\s*(?=[\w!#$%&'*+.^`|~-]+(?:\s+[\w-]+\s*=|\s*$|\s*,))/).map((text) => {
    const [, scheme = '', rest = ''] = /^\s*(\S+)\s*(.*)$/s.exec(text) ?? []
    const parameters: Record<string, string> = {}
    for (const [, name = '', quoted, plain] of rest.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
      parameters[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? ''
    }
    return { scheme, parameters }
  })
  return challenges.find(({ scheme }) => scheme.toLowerCase() === 'bearer') ?? challenges[0]
}

/** What a 401 says to a client that is to sign in, of whichever schemes it names. */
export function challengeOf({ headers }: Response): Challenge {
  const { resource_metadata: place, scope } = readChallenge(headers.get('www-authenticate'))?.parameters ?? {}
  return { metadataUrl: URL.parse(place ?? '')?.href, scope: scope?.trim() || undefined }
}

/** Whether the answer to a request without a token asks for one: 401, or a 403 that says where to get it. */
export function asksForSignIn({ status, headers }: Response): boolean {
  if (status !== 403) return status === 401
  return readChallenge(headers.get('www-authenticate'))?.parameters.resource_metadata !== undefined
}
