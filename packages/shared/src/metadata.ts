import { z } from 'zod'

/** A list of texts; one text with spaces in it is read as a list. */
const list = z.preprocess(
  (value) => (typeof value === 'string' ? value.trim().split(/\s+/) : value),
  z.array(z.string()),
)

/** RFC 9728 §2, the members that Gatehouse reads. */
export const protectedResourceMetadata = z.looseObject({
  resource: z.url(),
  authorization_servers: list.optional(),
  scopes_supported: list.optional(),
})

/** RFC 8414 §2 with RFC 8628 §4, the members that Gatehouse reads. */
export const authorizationServerMetadata = z.looseObject({
  issuer: z.url(),
  authorization_endpoint: z.url().optional(),
  token_endpoint: z.url(),
  registration_endpoint: z.url().optional(),
  device_authorization_endpoint: z.url().optional(),
  revocation_endpoint: z.url().optional(),
  scopes_supported: list.optional(),
  grant_types_supported: list.optional(),
  code_challenge_methods_supported: list.optional(),
  token_endpoint_auth_methods_supported: list.optional(),
})

export type AuthorizationServerMetadata = z.infer<typeof authorizationServerMetadata>

/** Where RFC 9728 §3.1 puts the metadata of a resource: the well-known part goes between host and path. */
export function protectedResourceMetadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(resource)
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}${search}`
}
