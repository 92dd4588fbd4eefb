// The grants of the token endpoint: all there are. Another grant is a file like
// refresh-token.ts and a row here.
import type { ClientPolicy } from '../../config.ts'
import { authorizationCode } from './authorization-code.ts'
import { clientCredentials } from './client-credentials.ts'
import { deviceCode } from './device-code.ts'
import type { Grant, GrantApplicant } from './grant.ts'
import { refreshToken } from './refresh-token.ts'

export const grants: readonly Grant[] = [authorizationCode, refreshToken, deviceCode, clientCredentials]

/** The names of those that a client may have. */
export function grantsOpenTo(client: GrantApplicant, policy: ClientPolicy): readonly string[] {
  return grants.filter(({ mayUse }) => mayUse(client, policy)).map(({ name }) => name)
}
