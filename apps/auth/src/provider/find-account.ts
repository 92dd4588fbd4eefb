import type { Account, AccountClaims } from 'oidc-provider'
import type { Accounts } from '../accounts/accounts.ts'
import type { Identity } from '../identity/identity.ts'
import { inEngineWords } from './engine-errors.ts'

/** With what tokens name besides claims. */
export type PersonAccount = Account & { readonly groups: readonly string[] }

/** The engine's `findAccount`: undefined refuses. Which claims somebody gets is decided by what was granted. */
export async function findAccount(accounts: Accounts, subject: string): Promise<PersonAccount | undefined> {
  const identity = await accounts.findAdmitted(subject).catch((error: unknown) => {
    throw inEngineWords(error)
  })
  if (!identity) return undefined
  return { accountId: identity.subject, claims: () => claimsOf(identity), groups: accounts.groupsOf(identity) }
}

/** OpenID Connect Core §5.1, as far as the login told. An address is known only if it was verified. */
function claimsOf({ subject, profile = {}, facts }: Identity): AccountClaims {
  const { name, username, picture } = profile
  const email = facts?.email
  return {
    sub: subject,
    ...(name && { name }),
    ...(username && { preferred_username: username }),
    ...(picture && { picture }),
    ...(email && { email, email_verified: true }),
  }
}
