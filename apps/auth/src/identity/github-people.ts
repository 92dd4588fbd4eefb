// Who somebody is at GitHub. The numeric id is the account: a login can be renamed and taken by somebody else.
import type { FactNeeds } from '../accounts/fact-needs.ts'
import type { GitHubApi } from './github-api.ts'
import type { Identity, IdentityFacts } from './identity.ts'
import { profileOf } from './profile.ts'

/** Requests at once about one person. */
const atOnce = 10

export interface GitHubPeople {
  /** What we have to ask GitHub for now: nothing, unless a rule or a group needs it. */
  readonly scope: string
  /** Asks who a token belongs to, and for what the rules and groups are judged by. Throws LoginFailedError. */
  identify(token: string): Promise<Identity>
}

export interface GitHubPeopleOptions {
  readonly api: GitHubApi
  readonly needs: FactNeeds
  readonly subjectPrefix: string
  readonly now: () => number
}

export function createGitHubPeople({ api, needs, subjectPrefix, now }: GitHubPeopleOptions): GitHubPeople {
  /** By name, never by a list: a list of somebody's teams may be long, and leaves out the teams above theirs. */
  async function collectFacts(token: string, login: string): Promise<IdentityFacts> {
    const checkedAt = now()
    const { renewed, ...asked } = needs.ofGitHub()
    const email = asked.email ? await api.verifiedEmail(token) : undefined
    const organisations = await filter(asked.organisations, (name) => api.isMember(token, name))
    const teams = await filter(asked.teams, async (team) => {
      const [organisation = '', name = ''] = team.split('/')
      return organisations.includes(organisation) && api.isInTeam(token, { organisation, team: name, login })
    })
    return {
      checkedAt,
      ...(email && { email }),
      ...(asked.organisations.length > 0 && { organisations }),
      ...(asked.teams.length > 0 && { teams }),
      ...(renewed && { asked, upstreamToken: token }),
    }
  }

  return {
    get scope() {
      const { organisations, email } = needs.ofGitHub()
      return [organisations.length > 0 ? 'read:org' : '', email ? 'user:email' : ''].filter(Boolean).join(' ')
    },

    async identify(token) {
      const user = await api.user(token)
      return {
        subject: subjectPrefix + user.id,
        label: user.login,
        profile: profileOf({ name: user.name, preferred_username: user.login, picture: user.avatar_url }),
        facts: { login: user.login.toLowerCase(), ...(await collectFacts(token, user.login)) },
      }
    },
  }
}

async function filter(names: readonly string[], holds: (name: string) => Promise<boolean>): Promise<readonly string[]> {
  const found: string[] = []
  for (let at = 0; at < names.length; at += atOnce) {
    const some = names.slice(at, at + atOnce)
    const answers = await Promise.all(some.map(holds))
    found.push(...some.filter((_, index) => answers[index]))
  }
  return found
}
