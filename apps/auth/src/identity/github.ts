// Sign-in through GitHub's web flow, with PKCE. The numeric id is the account: a login can be renamed and taken by
// somebody else.
import { createHash, randomBytes } from 'node:crypto'
import type { AdmissionRules } from './admission.ts'
import type { GitHubApi } from './github-api.ts'
import { type Identity, type IdentityFacts, LoginFailedError, type RedirectLogin } from './identity.ts'
import { profileOf } from './profile.ts'

export interface GitHubLoginOptions {
  readonly api: GitHubApi
  readonly clientId: string
  readonly clientSecret: string
  readonly rules: AdmissionRules
  readonly now: () => number
}

export function createGitHubLogin({ api, clientId, clientSecret, rules, now }: GitHubLoginOptions): RedirectLogin {
  return {
    kind: 'redirect',
    id: 'github',
    label: 'GitHub',

    async begin({ state, redirectUri }) {
      const verifier = randomBytes(32).toString('base64url')
      const url = api.authorizeUrl({
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: githubScope(rules),
        state,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        prompt: 'select_account',
      })
      return { url, memory: { verifier } }
    },

    async finish({ answer, memory, redirectUri }) {
      if (typeof answer.error === 'string') throw refusal(answer.error)
      if (typeof answer.code !== 'string') throw new LoginFailedError('unavailable', 'GitHub answered without a code')
      const token = await api.token({
        client_id: clientId,
        client_secret: clientSecret,
        code: answer.code,
        redirect_uri: redirectUri,
        code_verifier: memory.verifier ?? '',
      })
      if (token.error || !token.access_token) throw refusal(token.error ?? 'no token')
      return identify(api, token.access_token, rules, now())
    },
  }
}

/** What we have to ask GitHub for: nothing, unless a rule needs it. */
export function githubScope({ organisations, emailDomains }: AdmissionRules): string {
  return [organisations.length > 0 ? 'read:org' : '', emailDomains.length > 0 ? 'user:email' : '']
    .filter(Boolean)
    .join(' ')
}

/** Asks GitHub who a token belongs to, and for what the rules are judged by. */
export async function identify(api: GitHubApi, token: string, rules: AdmissionRules, now: number): Promise<Identity> {
  const user = await api.user(token)
  const facts = await collectFacts(api, token, rules, now)
  return {
    subject: `github:${user.id}`,
    label: user.login,
    profile: profileOf({ name: user.name, preferred_username: user.login, picture: user.avatar_url }),
    facts: { login: user.login.toLowerCase(), ...facts },
  }
}

async function collectFacts(
  api: GitHubApi,
  token: string,
  { organisations, emailDomains }: AdmissionRules,
  now: number,
): Promise<IdentityFacts> {
  const email = emailDomains.length > 0 ? await api.verifiedEmail(token) : undefined
  const memberships = await Promise.all(
    organisations.map(async (name) => ((await api.isMember(token, name)) ? name : undefined)),
  )
  return {
    checkedAt: now,
    ...(email && { email }),
    ...(organisations.length > 0 && {
      organisations: memberships.filter((name) => name !== undefined),
      upstreamToken: token,
    }),
  }
}

/** GitHub's words for what went wrong, as ours. */
function refusal(error: string): LoginFailedError {
  const words = /^[a-z_]{1,64}$/.test(error) ? error : 'an unknown error'
  if (error === 'access_denied') return new LoginFailedError('refused', 'GitHub: access_denied')
  if (
    error === 'incorrect_client_credentials' ||
    error === 'redirect_uri_mismatch' ||
    error === 'application_suspended'
  ) {
    return new LoginFailedError('misconfigured', `GitHub: ${words}`)
  }
  return new LoginFailedError('unavailable', `GitHub: ${words}`)
}
