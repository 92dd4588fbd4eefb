import type { Grant } from './grant.ts'

/** RFC 6749 §6. */
export const refreshToken: Grant = {
  name: 'refresh_token',
  parameters: ['refresh_token', 'scope', 'resource'],
  mayUse: () => true,
  wrap: (handler, { reuseGrace }) => reuseGrace.wrap(handler, 'refresh_token'),
}
