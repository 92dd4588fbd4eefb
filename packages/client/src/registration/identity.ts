import type { Shelf } from '../session/store.ts'
import type { GivenIdentity, Registration } from './registration.ts'

export interface KnownIdentities {
  readonly given: GivenIdentity | undefined
  readonly registrations: Shelf<string, Registration>
}

/** The identity behind a client id that a session was made with: the given one, our registration, or the bare id. */
export async function identityFor(
  { issuer, clientId }: { readonly issuer: string; readonly clientId: string },
  { given, registrations }: KnownIdentities,
): Promise<GivenIdentity> {
  if (given?.clientId === clientId) return given
  const registered = await registrations.read(issuer)
  return registered?.clientId === clientId ? registered : { clientId }
}
