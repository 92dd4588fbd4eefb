import type { Grant } from './grant.ts'

/** RFC 6749 §4.4: a token without a person is for clients that an operator registered with a secret, and for nobody else. */
export const clientCredentials: Grant = {
  name: 'client_credentials',
  parameters: ['scope', 'resource'],
  mayUse: ({ isOperatorRegistered, hasSecret }) => isOperatorRegistered && hasSecret,
}
