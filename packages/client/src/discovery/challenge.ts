// What a challenge says to a client that has no token (RFC 6750 §3, RFC 9728 §5.1). Untrusted: who uses it checks it.
import { type Challenge, readChallenge } from '@gatehouse/network'

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
