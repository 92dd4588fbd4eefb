// Who may enter. Pure: rules and what is known of a person in, a verdict out. Where the facts come from and how old they
// may be is accounts.ts.
import type { Identity } from '../identity/identity.ts'
import { domainOf } from './groups.ts'

/** All in lower case, domains in punycode. No rule at all admits everybody. */
export interface AdmissionRules {
  readonly githubUsers: readonly string[]
  readonly organisations: readonly string[]
  readonly emailDomains: readonly string[]
  /** Names of groups of the gateway's file. */
  readonly groups: readonly string[]
}

export function hasRules({ githubUsers, organisations, emailDomains, groups }: AdmissionRules): boolean {
  return githubUsers.length + organisations.length + emailDomains.length + groups.length > 0
}

export interface KnownPerson {
  readonly identity: Identity
  /** Names of those that they are in. */
  readonly groups: readonly string[]
  /** Which subject an allowed GitHub login belonged to when it was first matched; undefined: not matched yet. */
  readonly subjectOf: (githubLogin: string) => string | undefined
}

/** Whether a person meets one of the rules. Does NOT look at which login they came by. */
export function isAdmitted(rules: AdmissionRules, { identity, groups, subjectOf }: KnownPerson): boolean {
  if (!hasRules(rules)) return true
  const { login, email, organisations = [] } = identity.facts ?? {}
  return (
    rules.githubUsers.some(
      (allowed) => (subjectOf(allowed) ?? (login === allowed ? identity.subject : undefined)) === identity.subject,
    ) ||
    organisations.some((name) => rules.organisations.includes(name)) ||
    (email !== undefined && rules.emailDomains.includes(domainOf(email))) ||
    groups.some((name) => rules.groups.includes(name))
  )
}
