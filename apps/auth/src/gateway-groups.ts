// The groups of the file that both services read, as they are judged here, and whether there is a login that can say who is in
// them. config.ts names the variables.
import { domainToASCII } from 'node:url'
import type { GroupInFile, MembershipInFile } from '@gatehouse/shared/gateway-file'
import type { Group, Membership } from './accounts/groups.ts'
import { describeLogin, type LoginSettings } from './logins/index.ts'
import { openIdPrefix } from './logins/openid.ts'

export function settleGroups(groups: readonly GroupInFile[]): readonly Group[] {
  return groups.map(({ name, members }) => ({ name, members: members.map(settle) }))
}

function settle(way: MembershipInFile): Membership {
  switch (way.kind) {
    case 'github-org':
      return { kind: 'organisation', name: way.organisation }
    case 'github-team':
      return { kind: 'team', name: `${way.organisation}/${way.team}` }
    case 'email-domain':
      return { kind: 'emailDomain', name: domainToASCII(way.domain) }
    case 'google-domain':
      return { kind: 'hostedDomain', name: domainToASCII(way.domain) }
    case 'oidc-group':
      return { kind: 'providerGroup', name: way.group, subjectPrefix: openIdPrefix(way.label) }
  }
}

/** Ways into groups by which nobody comes, because there is no such login. Sentences without a full stop, with their place. */
export function unmetGroups(groups: readonly GroupInFile[], logins: readonly LoginSettings[]): readonly string[] {
  const there = logins.map((login) => ({ ...describeLogin(login), login: login.login }))
  const labels = there.filter(({ login }) => login === 'openid').map(({ label }) => `"${label}"`)
  const has = (login: string) => there.some((each) => each.login === login)
  const why = (way: MembershipInFile): string | undefined => {
    switch (way.kind) {
      case 'github-org':
      case 'github-team':
        return has('github') ? undefined : 'there is no login by GitHub: set GITHUB_CLIENT_ID'
      case 'google-domain':
        return has('google') ? undefined : 'there is no login by Google: set GOOGLE_CLIENT_ID'
      case 'oidc-group':
        if (there.some(({ subjectPrefix }) => subjectPrefix === openIdPrefix(way.label))) return undefined
        return `there is no login with the label "${way.label}", ${labels.length > 0 ? `there are ${labels.join(', ')}` : 'as OIDC_ISSUER sets none'}`
      case 'email-domain':
        return there.some(({ judgedBy }) => judgedBy.includes('emailDomains'))
          ? undefined
          : 'there is no login that says which addresses are verified'
    }
  }
  return groups.flatMap(({ members }) =>
    members.flatMap((way) => {
      const fault = why(way)
      return fault === undefined ? [] : [`${way.line}:${way.column} ${way.at}: ${fault}`]
    }),
  )
}
