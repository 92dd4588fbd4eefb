import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client'
import type { Challenge } from '../errors.ts'

/** What a 401 says in `WWW-Authenticate`. Untrusted: `discover` checks what it uses of it. */
export function challengeOf(response: Response): Challenge {
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(response)
  return { metadataUrl: resourceMetadataUrl?.href, scope }
}
