// Members of a client's metadata that mean nothing here, and for which the engine would refuse the client or its requests.
import { errors, type KoaContextWithOIDC } from 'oidc-provider'

/** The wish `default_max_age` under a name of our own: by its own name the engine refuses requests without `openid`. */
export const maxAge = 'gatehouse_max_age'

type Metadata = Record<string, unknown>

/**
 * RFC 7591 §2 lets a server ignore members, and the answer shows what is left. Nothing here reads a client's keys, begins a
 * sign-in at a client, or knows pairwise subjects. Not for what an operator wrote, who is told of what is wrong in it.
 */
export function dropUnused(metadata: Metadata): void {
  for (const member of ['jwks', 'initiate_login_uri', 'subject_type']) delete metadata[member]
}

/** Throws for what is no number of seconds: how old a sign-in may be is not guessed. */
export function keepMaxAge(metadata: Metadata): void {
  const seconds = metadata.default_max_age ?? metadata[maxAge]
  delete metadata.default_max_age
  if (seconds === undefined) return
  if (!Number.isSafeInteger(seconds) || Number(seconds) < 0)
    throw new errors.InvalidClientMetadata('default_max_age must be a non-negative integer')
  metadata[maxAge] = seconds
}

/** To be called before a request is shown to the person. As the engine does with `openid` (OpenID Connect Core §3.1.2.1). */
export function applyMaxAge({ oidc }: KoaContextWithOIDC): void {
  const { params, client, prompts } = oidc
  const seconds = client?.[maxAge]
  if (!params || seconds === undefined || params.max_age !== undefined) return
  if (seconds === 0) params.prompt = [...prompts.add('login')].join(' ')
  else params.max_age = String(seconds)
}
