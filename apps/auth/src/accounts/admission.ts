// Who may enter. Pure: rules and what is known of a person in, a verdict out. Where the facts come from and how old they
// may be is accounts.ts.
import { domainToASCII } from 'node:url'
import type { Identity } from '../identity/identity.ts'

/** All in lower case, domains in punycode. No rule at all admits everybody. */
export interface AdmissionRules {
  readonly githubUsers: readonly string[]
  readonly organisations: readonly string[]
  readonly emailDomains: readonly string[]
}

export function hasRules({ githubUsers, organisations, emailDomains }: AdmissionRules): boolean {
  return githubUsers.length + organisations.length + emailDomains.length > 0
}

export interface KnownPerson {
  readonly identity: Identity
  /** Which subject an allowed GitHub login belonged to when it was first matched; undefined: not matched yet. */
  readonly subjectOf: (githubLogin: string) => string | undefined
}

/** Whether a person meets one of the rules. Does NOT look at which login they came by. */
export function isAdmitted(rules: AdmissionRules, { identity, subjectOf }: KnownPerson): boolean {
  if (!hasRules(rules)) return true
  const { login, email, organisations = [] } = identity.facts ?? {}
  return (
    rules.githubUsers.some(
      (allowed) => (subjectOf(allowed) ?? (login === allowed ? identity.subject : undefined)) === identity.subject,
    ) ||
    organisations.some((name) => rules.organisations.includes(name)) ||
    (email !== undefined && rules.emailDomains.includes(emailDomain(email)))
  )
}

/** The domain as it is compared: exact, lower case, punycode. A sub-domain is another domain. */
function emailDomain(email: string): string {
  return domainToASCII(email.slice(email.lastIndexOf('@') + 1).toLowerCase())
}
