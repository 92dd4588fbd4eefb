// What has to be known of people: for the rules on who may enter, and for the groups of the gateway's file. No login is asked for more.
import type { AskedFacts } from '../identity/identity.ts'
import type { AdmissionRules } from './admission.ts'
import type { Groups, Membership } from './groups.ts'

/** Asked each time: it changes with the file. */
export interface FactNeeds {
  ofGitHub(): AskedFacts & {
    /** Whether the upstream is asked again later, and so its token kept. */
    readonly renewed: boolean
  }
  /** `hostsDomains`: whether it is a provider that says whose account it is. */
  ofOpenId(provider: { readonly subjectPrefix: string; readonly hostsDomains?: boolean | undefined }): OpenIdNeeds
}

export interface OpenIdNeeds {
  readonly email: boolean
  /** What the provider calls the groups that count. */
  readonly groups: readonly string[]
  readonly hostedDomain: boolean
  /** Whether the provider is asked again later, and so its refresh token kept. */
  readonly renewed: boolean
}

export function createFactNeeds(rules: AdmissionRules, groups: Pick<Groups, 'all'>): FactNeeds {
  const ways = () => groups.all.flatMap(({ members }) => members)
  const named = (kind: Membership['kind']) => ways().flatMap((way) => (way.kind === kind ? [way.name] : []))
  const isEmailNeeded = () => rules.emailDomains.length > 0 || named('emailDomain').length > 0
  return {
    ofGitHub() {
      const teams = [...new Set(named('team'))]
      // who is in no organisation is in none of its teams, and need not be asked about them
      const ofTeams = teams.map((team) => team.slice(0, team.indexOf('/')))
      const organisations = [...new Set([...rules.organisations, ...named('organisation'), ...ofTeams])]
      const email = isEmailNeeded()
      return { organisations, teams, email, renewed: organisations.length > 0 || email }
    },
    ofOpenId({ subjectPrefix, hostsDomains = false }) {
      const counting = ways().flatMap((way) =>
        way.kind === 'providerGroup' && way.subjectPrefix === subjectPrefix ? [way.name] : [],
      )
      const [email, groups] = [isEmailNeeded(), [...new Set(counting)]]
      const hostedDomain = hostsDomains && named('hostedDomain').length > 0
      return { email, groups, hostedDomain, renewed: email || groups.length > 0 || hostedDomain }
    },
  }
}

/** Whether all that is needed was asked for. */
export function covers(asked: AskedFacts, needed: AskedFacts): boolean {
  return (
    needed.organisations.every((name) => asked.organisations.includes(name)) &&
    needed.teams.every((name) => asked.teams.includes(name)) &&
    (asked.email || !needed.email)
  )
}
