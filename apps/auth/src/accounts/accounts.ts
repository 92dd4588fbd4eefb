// The people who signed in before, and whether they may still have tokens. The engine asks at every redemption, so that
// somebody who left is out within the hour: of the server, or of a group.
import { type Identity, type IdentityFacts, LoginFailedError } from '../identity/identity.ts'
import { type EnabledLogin, letsEverybodyIn } from '../logins/login.ts'
import type { Clock, DocumentStore } from '../store/contract.ts'
import { type AdmissionRules, hasRules, isAdmitted } from './admission.ts'
import type { Groups } from './groups.ts'

/** What a token says is true, or was so at most this long ago, for as long as the token is taken. */
const FACTS_COUNT_MS = 3_600_000
/** Seconds by which clocks of resource servers may be behind: packages/resource-guard. */
const CLOCK_TOLERANCE = 30
/** While the upstream is away, what it said last counts for this long. */
const FACTS_USABLE_MS = 86_400_000

export interface Accounts {
  /** After a sign-in: remembers the person if the rules admit them. Returns whether they do. */
  admit(identity: Identity): Promise<boolean>
  /** Somebody who may have tokens now. Asks the upstream again if a token could tell what is over an hour old. */
  findAdmitted(subject: string): Promise<Identity | undefined>
  find(subject: string): Promise<Identity | undefined>
  /** Names of the groups that somebody is in now. */
  groupsOf(identity: Identity): readonly string[]
}

export interface AccountsOptions {
  readonly documents: DocumentStore
  readonly rules: AdmissionRules
  readonly groups: Groups
  /** Those that are switched on: a person of another login is nobody here any more. */
  readonly logins: readonly EnabledLogin[]
  /** Of an access token, in seconds. */
  readonly tokenLifetime: number
  readonly clock: Clock
  /** Told of each who signed in and is kept out by the rules. */
  readonly onRefused: (identity: Identity) => void
  /** Told when the upstream could not be asked: what it said before still counts, or does not any more. */
  readonly onStale: (stale: StaleFacts) => void
}

export interface StaleFacts {
  /** Of the login: how its subjects begin. */
  readonly login: string
  readonly counts: boolean
  /** In seconds. */
  readonly age: number
  /** Why it could not be asked. */
  readonly reason: string
}

export function createAccounts(options: AccountsOptions): Accounts {
  const { documents, rules, groups, logins, clock, onRefused } = options
  const name = (subject: string) => `account:${subject}`
  const find = async (subject: string) => (await documents.get(name(subject))) as Identity | undefined

  const loginOf = ({ subject }: Identity) => logins.find(({ subjectPrefix }) => subject.startsWith(subjectPrefix))
  const freshFor = FACTS_COUNT_MS - (options.tokenLifetime + CLOCK_TOLERANCE) * 1000

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
    return isAdmitted(rules, { identity, groups: groups.of(identity), subjectOf: (login) => owners.get(login) })
  }

  const withFreshFacts = async (identity: Identity): Promise<Identity | undefined> => {
    const { facts } = identity
    const { identify, knows = () => true, subjectPrefix = '' } = loginOf(identity) ?? {}
    if (!facts?.upstreamToken || !identify) return identity
    const age = clock() - facts.checkedAt
    if (age < freshFor && knows(facts)) return identity
    try {
      const fresh = await identify(facts.upstreamToken)
      if (fresh.subject !== identity.subject) return undefined
      await documents.put(name(identity.subject), fresh)
      return fresh
    } catch (error) {
      if (!(error instanceof LoginFailedError)) throw error
      if (error.failure !== 'unavailable') return undefined
      const counts = age < FACTS_USABLE_MS
      options.onStale({ login: subjectPrefix, counts, age: Math.floor(age / 1000), reason: error.message })
      return counts ? identity : { ...identity, facts: lasting(facts) }
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
    groupsOf: groups.of,
  }
}

/** What is left when what the upstream said is too old to count: by whom somebody signed in. */
function lasting({ checkedAt, login }: IdentityFacts): IdentityFacts {
  return { checkedAt, ...(login !== undefined && { login }) }
}
