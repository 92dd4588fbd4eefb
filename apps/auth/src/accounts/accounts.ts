// The people who signed in before, and whether they may still have tokens. The engine asks at every redemption, so that
// somebody who left is out within the hour: of the server, or of a group.
import type { Identity } from '../identity/identity.ts'
import { type EnabledLogin, letsEverybodyIn } from '../logins/login.ts'
import type { Clock, DocumentStore, RecordStore } from '../store/contract.ts'
import type { AccountRecords } from './account-records.ts'
import { type AdmissionRules, hasRules, isAdmitted } from './admission.ts'
import type { Groups } from './groups.ts'
import { createRenewal, type RenewalOptions } from './renewal.ts'

/** What a token says is true, or was so at most this long ago, for as long as the token is taken. */
const factsCountMs = 3_600_000
/** Seconds by which clocks of resource servers may be behind: packages/resource-guard. */
const clockTolerance = 30

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
  readonly people: AccountRecords
  readonly documents: DocumentStore
  readonly records: Pick<RecordStore, 'create' | 'destroy'>
  readonly rules: AdmissionRules
  readonly groups: Groups
  /** Those that are switched on: a person of another login is nobody here any more. */
  readonly logins: readonly EnabledLogin[]
  /** Of an access token, in seconds. */
  readonly tokenLifetime: number
  readonly clock: Clock
  /** Told of each who signed in and is kept out by the rules. */
  readonly onRefused: (identity: Identity) => void
  readonly onStale: RenewalOptions['onStale']
}

export function createAccounts(options: AccountsOptions): Accounts {
  const { people, documents, records, rules, groups, logins, clock, onRefused, onStale } = options
  const loginOf = ({ subject }: Identity) => logins.find(({ subjectPrefix }) => subject.startsWith(subjectPrefix))
  const freshFor = factsCountMs - (options.tokenLifetime + clockTolerance) * 1000
  const renewal = createRenewal({
    records,
    accounts: { find: people.find, put: people.replace },
    freshFor,
    clock,
    onStale,
  })

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

  return {
    find: people.find,
    async admit(identity) {
      if (!(await judge(identity))) {
        onRefused(identity)
        return false
      }
      const { doubt: _ofThisSignIn, ...kept } = identity
      await people.put(kept)
      return true
    },
    async findAdmitted(subject) {
      const found = await people.findLasting(subject)
      const login = found && loginOf(found.identity)
      if (!found || !login) return undefined
      const isSettled = renewal.isSettled(found.identity, login)
      const identity = isSettled ? found.identity : await renewal.renew(found.identity, login)
      if (!identity || !(await judge(identity))) return undefined
      if (isSettled && found.lasts) return identity
      // who was forgotten while the upstream was asked is nobody here
      return (await people.keep(subject)) ? identity : undefined
    },
    groupsOf: groups.of,
  }
}
