// Groups of the gateway's file: who is in which. Pure, but that the groups may be replaced while the process runs. What has to be
// known of people for that is fact-needs.ts; where facts come from and how old they may be is accounts.ts.
import { domainToASCII } from 'node:url'
import type { Identity } from '../identity/identity.ts'

/** One way into a group. Names of GitHub in lower case, a team as `organisation/team`, domains in punycode. */
export type Membership =
  | { readonly kind: 'organisation' | 'team' | 'emailDomain' | 'hostedDomain'; readonly name: string }
  /** Whose subjects begin so, and what their provider calls the group. */
  | { readonly kind: 'providerGroup'; readonly name: string; readonly subjectPrefix: string }

export interface Group {
  readonly name: string
  /** One is enough. */
  readonly members: readonly Membership[]
}

/** The one holder of the groups: everything asks it at each request, and keeps nothing of the answer. */
export interface Groups {
  readonly all: readonly Group[]
  /** Names of the groups that somebody is in, in the order of the file. */
  of(identity: Identity): readonly string[]
  /** From now on there are these. */
  replace(groups: readonly Group[]): void
}

export function createGroups(initial: readonly Group[]): Groups {
  let current = initial
  return {
    get all() {
      return current
    },
    of: (identity) =>
      current.filter(({ members }) => members.some((way) => isMember(identity, way))).map(({ name }) => name),
    replace(groups) {
      current = groups
    },
  }
}

/** What is only ever set by one login decides by itself; what a provider calls a group means something of that provider alone. */
function isMember({ subject, facts }: Identity, way: Membership): boolean {
  switch (way.kind) {
    case 'organisation':
      return facts?.organisations?.includes(way.name) ?? false
    case 'team':
      return facts?.teams?.includes(way.name) ?? false
    case 'emailDomain':
      return facts?.email !== undefined && domainOf(facts.email) === way.name
    case 'hostedDomain':
      return facts?.hostedDomain !== undefined && domainToASCII(facts.hostedDomain) === way.name
    case 'providerGroup':
      return subject.startsWith(way.subjectPrefix) && (facts?.groups?.includes(way.name) ?? false)
  }
}

/**
 * The domain as it is compared: exact, lower case, punycode. A sub-domain is another domain. What no domain has stays: Node reads
 * one as that of a URL, which ends at a slash, and in which `%2e` is a dot.
 */
export function domainOf(email: string): string {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase()
  return (/[%/\\?#:]/.test(domain) ? '' : domainToASCII(domain)) || domain
}
