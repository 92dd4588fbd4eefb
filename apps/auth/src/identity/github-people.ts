// Who somebody is at GitHub. The numeric id is the account: a login can be renamed and taken by somebody else.
import type { AdmissionRules } from '../accounts/admission.ts'
import type { GitHubApi } from './github-api.ts'
import type { Identity, IdentityFacts } from './identity.ts'
import { profileOf } from './profile.ts'

export interface GitHubPeople {
  /** What we have to ask GitHub for: nothing, unless a rule needs it. */
  readonly scope: string
  /** Asks who a token belongs to, and for what the rules are judged by. Throws LoginFailedError. */
  identify(token: string): Promise<Identity>
}

export interface GitHubPeopleOptions {
  readonly api: GitHubApi
  readonly rules: AdmissionRules
  readonly subjectPrefix: string
  readonly now: () => number
}

export function createGitHubPeople({ api, rules, subjectPrefix, now }: GitHubPeopleOptions): GitHubPeople {
  const { organisations, emailDomains } = rules

  async function collectFacts(token: string): Promise<IdentityFacts> {
    const checkedAt = now()
    const email = emailDomains.length > 0 ? await api.verifiedEmail(token) : undefined
    const memberships = await Promise.all(
      organisations.map(async (name) => ((await api.isMember(token, name)) ? name : undefined)),
    )
    return {
      checkedAt,
      ...(email && { email }),
      ...(organisations.length > 0 && {
        organisations: memberships.filter((name) => name !== undefined),
        upstreamToken: token,
      }),
    }
  }

  return {
    scope: [organisations.length > 0 ? 'read:org' : '', emailDomains.length > 0 ? 'user:email' : '']
      .filter(Boolean)
      .join(' '),

    async identify(token) {
      const user = await api.user(token)
      return {
        subject: subjectPrefix + user.id,
        label: user.login,
        profile: profileOf({ name: user.name, preferred_username: user.login, picture: user.avatar_url }),
        facts: { login: user.login.toLowerCase(), ...(await collectFacts(token)) },
      }
    },
  }
}
