import { z } from 'zod'
import { mcpScopes } from './scopes.ts'

/** One protected resource that the authorization server issues tokens for (RFC 8707). */
export const protectedResource = z.strictObject({
  /** The resource's URL: absolute, without a fragment. It is the `aud` of its tokens, byte for byte. */
  resource: z.url({ protocol: /^https?$/ }).refine((url) => !url.includes('#'), 'must not have a fragment'),
  /** What people are shown. */
  name: z.string().min(1).max(64),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]+$/, 'must be an RFC 6749 scope token'))
    .min(1)
    .default([...mcpScopes]),
})

export const protectedResources = z.array(protectedResource).min(1)

export type ProtectedResource = Readonly<z.infer<typeof protectedResource>> & {
  /** What stands behind it, by the names of the gateway's file. */
  readonly upstreams?: readonly string[]
  /** In words, for people: scopes of its own. */
  readonly words?: Readonly<Record<string, string>>
  /** Groups that its tokens name, of those that the person is in. In the order of the gateway's file. */
  readonly groups?: readonly string[]
}
