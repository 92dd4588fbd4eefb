// What an upstream said of a person is true for a time. Here it is asked again, once for all replicas: a refresh token that is
// used twice is one that was stolen, to a provider that gives a new one each time (RFC 9700 §4.14.2).
import { setTimeout as sleep } from 'node:timers/promises'
import { type FactsRenewal, type Identity, type IdentityFacts, LoginFailedError } from '../identity/identity.ts'
import type { EnabledLogin } from '../logins/login.ts'
import type { Clock, RecordStore } from '../store/contract.ts'

/** While the upstream cannot be asked, what it said last counts for this long. */
const factsUsableMs = 86_400_000
const model = 'FactsRenewal'
/** For how long one process is the only one that asks. Longer than an upstream can take: it has five seconds for each answer. */
const leaseMs = 60_000
/** For how long another one waits for what came of it. */
const patienceMs = 6_000
const lookAgainMs = 40

export interface RenewalOptions {
  readonly records: Pick<RecordStore, 'create' | 'destroy'>
  readonly accounts: {
    find(subject: string): Promise<Identity | undefined>
    put(identity: Identity): Promise<void>
  }
  /** For how long facts count as they are, in milliseconds. */
  readonly freshFor: number
  readonly clock: Clock
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

export interface Renewal {
  /** What is known of somebody counts as it is: {@link renew} would ask nobody, and return it. */
  isSettled(identity: Identity, login: EnabledLogin): boolean
  /** Undefined: the upstream does not stand for them any more. */
  renew(identity: Identity, login: EnabledLogin): Promise<Identity | undefined>
}

export function createRenewal({ records, accounts, freshFor, clock, onStale }: RenewalOptions): Renewal {
  const ageOf = ({ facts }: Identity) => clock() - (facts?.checkedAt ?? 0)
  const isFresh = (identity: Identity, { knows }: FactsRenewal) =>
    ageOf(identity) < freshFor && identity.facts !== undefined && knows(identity.facts)

  /** As far as facts count that could not be renewed. */
  const asItWas = (identity: Identity, { subjectPrefix }: EnabledLogin, reason: string): Identity => {
    const age = ageOf(identity)
    const counts = age < factsUsableMs
    onStale({ login: subjectPrefix, counts, age: Math.floor(age / 1000), reason })
    return counts || !identity.facts ? identity : { ...identity, facts: lasting(identity.facts) }
  }

  /** Somebody who signed in meanwhile: what was said then, and the token of then, count. */
  const replaced = async ({ subject, facts }: Identity): Promise<Identity | undefined> => {
    const stored = await accounts.find(subject)
    return stored?.facts?.upstreamToken === facts?.upstreamToken ? undefined : stored
  }

  /** By one process at a time. */
  const ask = async (identity: Identity, login: EnabledLogin, { ask }: FactsRenewal): Promise<Identity | undefined> => {
    let last = identity
    try {
      const fresh = await ask(identity, identity.facts?.upstreamToken ?? '', async (upstreamToken) => {
        if (!last.facts) return
        last = { ...last, facts: { ...last.facts, upstreamToken } }
        await accounts.put(last)
      })
      if (fresh.subject !== identity.subject) return undefined
      const other = await replaced(last)
      if (!other) await accounts.put(fresh)
      return other ?? fresh
    } catch (error) {
      if (!(error instanceof LoginFailedError)) throw error
      if (error.failure === 'refused') return replaced(last)
      return asItWas(last, login, error.message)
    }
  }

  const isSettled = (identity: Identity, { renewal }: EnabledLogin): boolean => {
    if (!renewal?.isNeeded() || !identity.facts) return true
    return identity.facts.upstreamToken ? isFresh(identity, renewal) : ageOf(identity) < factsUsableMs
  }

  async function renew(identity: Identity, login: EnabledLogin): Promise<Identity | undefined> {
    const { renewal } = login
    if (!renewal || isSettled(identity, login)) return identity
    if (!identity.facts?.upstreamToken) return asItWas(identity, login, 'no token to ask again with')
    const { subject } = identity
    let known = identity
    for (const until = performance.now() + patienceMs; !isFresh(known, renewal); await sleep(lookAgainMs)) {
      const begun = performance.now()
      if (await records.create(model, subject, {}, leaseMs)) {
        try {
          const current = await accounts.find(subject)
          return current && !isFresh(current, renewal) ? await ask(current, login, renewal) : current
        } finally {
          // later it is another's
          if (performance.now() < begun + leaseMs) await records.destroy(model, subject)
        }
      }
      if (performance.now() > until) return asItWas(known, login, 'it is being asked, and takes long')
      known = (await accounts.find(subject)) ?? known
    }
    return known
  }

  return { isSettled, renew }
}

/** What is left when what the upstream said is too old to count: by whom somebody signed in. */
function lasting({ checkedAt, login }: IdentityFacts): IdentityFacts {
  return { checkedAt, ...(login !== undefined && { login }) }
}
