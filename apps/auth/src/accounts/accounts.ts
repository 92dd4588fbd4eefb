// The people who signed in before, and whether they may still have tokens. The engine asks at every redemption, so that
// somebody who left is out within the life of one access token.
import { type Identity, LoginFailedError } from '../identity/identity.ts'
import { type EnabledLogin, letsEverybodyIn } from '../logins/login.ts'
import type { Clock, DocumentStore } from '../store/contract.ts'
import { type AdmissionRules, hasRules, isAdmitted } from './admission.ts'

const FACTS_FRESH_MS = 3_600_000
/** While the upstream is away, what it said last counts for this long. */
const FACTS_USABLE_MS = 86_400_000

export interface Accounts {
  /** After a sign-in: remembers the person if the rules admit them. Returns whether they do. */
  admit(identity: Identity): Promise<boolean>
  /** Somebody who may have tokens now. Asks the upstream again if what it said is over an hour old. */
  findAdmitted(subject: string): Promise<Identity | undefined>
  find(subject: string): Promise<Identity | undefined>
}

export interface AccountsOptions {
  readonly documents: DocumentStore
  readonly rules: AdmissionRules
  /** Those that are switched on: a person of another login is nobody here any more. */
  readonly logins: readonly EnabledLogin[]
  readonly clock: Clock
  /** Told of each who signed in and is kept out by the rules. */
  readonly onRefused: (identity: Identity) => void
}

export function createAccounts({ documents, rules, logins, clock, onRefused }: AccountsOptions): Accounts {
  const name = (subject: string) => `account:${subject}`
  const find = async (subject: string) => (await documents.get(name(subject))) as Identity | undefined

  const loginOf = ({ subject }: Identity) => logins.find(({ subjectPrefix }) => subject.startsWith(subjectPrefix))

  /** Judges, and ties an allowed GitHub login to the account that had it when it was first matched. */
  const judge = async (identity: Identity): Promise<boolean> => {
    const login = loginOf(identity)
    if (!login) return false
    if (!hasRules(rules) || letsEverybodyIn(login)) return true
    const owners = new Map<string, string>()
    for (const login of rules.githubUsers) {
      const document = `allowed-github-user:${login}`
      const claims = identity.facts?.login === login
      const owner = claims ? await documents.putIfAbsent(document, identity.subject) : await documents.get(document)
      if (typeof owner === 'string') owners.set(login, owner)
    }
    return isAdmitted(rules, { identity, subjectOf: (login) => owners.get(login) })
  }

  const withFreshFacts = async (identity: Identity): Promise<Identity | undefined> => {
    const { facts } = identity
    const askAgain = loginOf(identity)?.identify
    if (!facts?.upstreamToken || !askAgain || clock() - facts.checkedAt < FACTS_FRESH_MS) return identity
    try {
      const fresh = await askAgain(facts.upstreamToken)
      if (fresh.subject !== identity.subject) return undefined
      await documents.put(name(identity.subject), fresh)
      return fresh
    } catch (error) {
      if (!(error instanceof LoginFailedError)) throw error
      const usable = error.failure === 'unavailable' && clock() - facts.checkedAt < FACTS_USABLE_MS
      return usable ? identity : undefined
    }
  }

  return {
    find,
    async admit(identity) {
      if (!(await judge(identity))) {
        onRefused(identity)
        return false
      }
      const { doubt: _ofThisSignIn, ...kept } = identity
      await documents.put(name(identity.subject), kept)
      return true
    },
    async findAdmitted(subject) {
      const stored = await find(subject)
      const identity = stored && (await withFreshFacts(stored))
      return identity && (await judge(identity)) ? identity : undefined
    },
  }
}
