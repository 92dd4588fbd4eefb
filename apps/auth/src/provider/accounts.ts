// The people who signed in before. The engine asks for them at every redemption: whoever is not here any more gets no
// further token.
import type { Account } from 'oidc-provider'
import type { Identity } from '../identity/identity.ts'
import type { DocumentStore } from '../store/contract.ts'

export interface Accounts {
  /** Called after each sign-in. */
  remember(identity: Identity): Promise<void>
  find(subject: string): Promise<Identity | undefined>
}

export function createAccounts(documents: DocumentStore): Accounts {
  const name = (subject: string) => `account:${subject}`
  return {
    remember: (identity) => documents.put(name(identity.subject), identity),
    find: async (subject) => (await documents.get(name(subject))) as Identity | undefined,
  }
}

/** The engine's `findAccount`: undefined refuses. ID tokens carry the subject alone. */
export async function findAccount(accounts: Accounts, subject: string): Promise<Account | undefined> {
  const identity = await accounts.find(subject)
  return identity && { accountId: identity.subject, claims: () => ({ sub: identity.subject }) }
}
