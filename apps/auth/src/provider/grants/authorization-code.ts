import type { Grant } from './grant.ts'

/** RFC 6749 §4.1.3, with PKCE (RFC 7636). */
export const authorizationCode: Grant = {
  name: 'authorization_code',
  parameters: ['code', 'code_verifier', 'redirect_uri', 'resource'],
  mayUse: () => true,
}
