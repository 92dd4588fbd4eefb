// The challenge in a WWW-Authenticate header (RFC 9110 §11.6.1). Untrusted: who uses it checks it.
export interface HeaderChallenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

/** The Bearer challenge, else the first one; `undefined`: no challenge. Reads more than is well-formed. */
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
