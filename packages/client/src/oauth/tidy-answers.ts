// What authorization servers answer, tidied for openid-client, which is stricter than they are. Nothing that is checked
// for safety is loosened: addresses, state, iss and PKCE are judged elsewhere, and no member that has a meaning goes.
import { type Fetch, isObject, type PlainMembers, readJson } from '@gatehouse/network'

/** A fetch whose answers of JSON objects are tidied: see {@link tidy}. Others pass as they are. */
export function createTidyFetch(fetch: Fetch): Fetch {
  return async function tidyFetch(url, init) {
    const response = await fetch(url, init)
    const text = await response.text()
    const json = readJson(text)
    const { headers } = response
    if (!isObject(json)) return new Response(text || null, { status: statusOf(response), headers })
    const members = json as PlainMembers
    return Response.json(tidy(members), { status: statusOf(response, members), headers: challengeIn(headers) })
  }
}

/**
 * GitHub answers errors, pending polls among them, with 200. Others answer 201 to a token request, or 204 to a revocation.
 */
function statusOf({ ok, status }: Response, { error, access_token }: PlainMembers = {}): number {
  if (!ok) return status
  return typeof error === 'string' && access_token === undefined ? 400 : 200
}

function challengeIn(headers: Headers): Record<string, string> {
  const challenge = headers.get('www-authenticate')
  return challenge === null ? {} : { 'www-authenticate': challenge }
}

/**
 * - `id_token` goes: nobody asked for it, and nothing is read from it, so there is nothing to verify it for.
 * - `token_type` is Bearer where a token comes without one.
 * - `expires_in` and `interval` are numbers, from texts too; what is no positive number counts as absent.
 * - `scope` is one text, from a list too.
 * - `verification_url` (Google) is `verification_uri`; a user code of digits is a text.
 */
function tidy({ id_token: _, ...members }: PlainMembers): Record<string, unknown> {
  const { verification_url, verification_url_complete, token_type, user_code, scope, ...rest } = members
  const tidied: Record<string, unknown> = {
    ...(verification_url !== undefined && { verification_uri: verification_url }),
    ...(verification_url_complete !== undefined && { verification_uri_complete: verification_url_complete }),
    ...(members.access_token !== undefined && { token_type: String(token_type ?? 'Bearer').trim() }),
    ...(user_code !== undefined && { user_code: String(user_code) }),
    ...(scope !== undefined && { scope: [scope].flat().join(' ').trim().replace(/\s+/g, ' ') }),
    ...rest,
  }
  for (const name of ['expires_in', 'interval']) {
    const seconds = Number(tidied[name])
    if (seconds > 0 && Number.isFinite(seconds)) tidied[name] = seconds
    else delete tidied[name]
  }
  // A convenience that cannot be used counts as none; a code has an end, whatever it is: it is asked about until then.
  if (typeof tidied.verification_uri_complete !== 'string') delete tidied.verification_uri_complete
  if (tidied.device_code !== undefined) tidied.expires_in ??= Number.MAX_SAFE_INTEGER
  return tidied
}
