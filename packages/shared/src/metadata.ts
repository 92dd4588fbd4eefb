import { z } from 'zod'

/** RFC 9728 §2, the members that Gatehouse reads or writes. */
export const protectedResourceMetadata = z.looseObject({
  resource: z.url(),
  authorization_servers: z.array(z.url()).min(1).optional(),
  scopes_supported: z.array(z.string()).optional(),
  bearer_methods_supported: z.array(z.string()).optional(),
  resource_name: z.string().optional(),
})

export type ProtectedResourceMetadata = z.infer<typeof protectedResourceMetadata>

/** RFC 8414 §2 with RFC 8628 §4, the members that Gatehouse reads. */
export const authorizationServerMetadata = z.looseObject({
  issuer: z.url(),
  authorization_endpoint: z.url().optional(),
  token_endpoint: z.url(),
  jwks_uri: z.url().optional(),
  registration_endpoint: z.url().optional(),
  device_authorization_endpoint: z.url().optional(),
  revocation_endpoint: z.url().optional(),
  scopes_supported: z.array(z.string()).optional(),
  grant_types_supported: z.array(z.string()).optional(),
  code_challenge_methods_supported: z.array(z.string()).optional(),
  token_endpoint_auth_methods_supported: z.array(z.string()).optional(),
})

export type AuthorizationServerMetadata = z.infer<typeof authorizationServerMetadata>

/** Where RFC 9728 §3.1 puts the metadata of a resource: the well-known part goes between host and path. */
export function protectedResourceMetadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(resource)
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}${search}`
}
