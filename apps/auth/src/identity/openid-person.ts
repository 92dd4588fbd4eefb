// What an OpenID provider says of a person, as an identity. Pure: the claims were verified before (openid.ts).
import type { Identity } from './identity.ts'
import type { OpenIdProvider } from './openid-provider.ts'
import { profileOf } from './profile.ts'

/** Of an ID token or of the userinfo endpoint. */
export type Claims = Readonly<Record<string, unknown>>

export interface PersonOptions {
  readonly emails: OpenIdProvider['emails']
  readonly hostsDomains?: boolean | undefined
  readonly subjectPrefix: string
  /** What the provider calls the groups that count. Without any, none is kept. */
  readonly groups: readonly string[]
  /** In milliseconds since the epoch. */
  readonly now: number
  /** With what to ask again. */
  readonly upstreamToken?: string | undefined
}

const address = /^[^@\s\p{Cc}]{1,64}@[^@\s\p{Cc}]{1,255}$/u
const labelAtMost = 100
const groupAtMost = 256
const otherGroups = 100

/**
 * Undefined if the `sub` is not one: it is kept as it is, and one that cannot be told from another on a page or in a log is
 * refused. The address counts only if the provider says that it is verified, unless all of its addresses do.
 */
export function personOf(
  claims: Claims,
  { emails, hostsDomains, subjectPrefix, groups, now, upstreamToken }: PersonOptions,
): Identity | undefined {
  const { sub, name } = claims
  if (!isSub(sub)) return undefined
  const email = verifiedEmail(claims, emails)
  const spoken = typeof name === 'string' ? name.trim().slice(0, labelAtMost) : ''
  const hostedDomain = hostsDomains && typeof claims.hd === 'string' ? claims.hd.toLowerCase() : ''
  const doubts = [
    !email && claims.email != null ? 'its address does not count: email_verified is not true' : '',
    groups.length > 0 && claims.groups != null && !Array.isArray(claims.groups)
      ? 'its groups do not count: no list'
      : '',
  ].filter(Boolean)
  return {
    subject: subjectPrefix + sub,
    label: email ?? (spoken || sub),
    profile: profileOf(claims),
    facts: {
      checkedAt: now,
      ...(email && { email }),
      ...(hostedDomain && hostedDomain.length <= 255 && { hostedDomain }),
      ...(groups.length > 0 && { groups: groupsKept(claims, groups) }),
      ...(upstreamToken !== undefined && { upstreamToken }),
    },
    ...(doubts.length > 0 && { doubt: doubts.join('; ') }),
  }
}

/** All that count now, and a few more: the gateway's file may name another tomorrow. What is no text is no group. */
function groupsKept({ groups: claim }: Claims, counting: readonly string[]): readonly string[] {
  const all = new Set(Array.isArray(claim) ? claim.filter((one) => typeof one === 'string') : [])
  const others = [...all].filter((name) => name.length <= groupAtMost && name.isWellFormed())
  return [...new Set([...counting.filter((name) => all.has(name)), ...others.slice(0, otherGroups)])]
}

/** In lower case; undefined unless it is an address and the provider vouches for it. Some say so with a string. */
function verifiedEmail({ email, email_verified }: Claims, emails: PersonOptions['emails']): string | undefined {
  const verified = email_verified ?? emails === 'any'
  if (verified !== true && verified !== 'true') return undefined
  return typeof email === 'string' && address.test(email) ? email.toLowerCase() : undefined
}

/** OpenID Connect Core §2: at most 255 characters, compared exactly. */
function isSub(sub: unknown): sub is string {
  return typeof sub === 'string' && sub.length > 0 && sub.length <= 255 && sub.isWellFormed() && !/\p{Cc}/u.test(sub)
}
