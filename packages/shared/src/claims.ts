import { z } from 'zod'

/** The claims of an RFC 9068 access token that Gatehouse issues. Times are seconds since the epoch. */
export const accessTokenClaims = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  client_id: z.string(),
  scope: z.string().optional(),
  iat: z.number().int(),
  exp: z.number().int(),
  jti: z.string(),
  /** RFC 9068 §2.2.3.1: of the groups that the resource needs to know, those the person is in. Absent: none. */
  groups: z.array(z.string()).optional(),
  /** What a person approved: all tokens of one approval have the same. Absent in a client's own token. No credential. */
  grant_id: z.string().optional(),
})

export type AccessTokenClaims = z.infer<typeof accessTokenClaims>
