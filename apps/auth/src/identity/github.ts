// Sign-in through GitHub's web flow, with PKCE.
import { createHash, randomBytes } from 'node:crypto'
import type { GitHubApi } from './github-api.ts'
import type { GitHubPeople } from './github-people.ts'
import { LoginFailedError, type RedirectLogin } from './identity.ts'

export interface GitHubLoginOptions {
  readonly api: GitHubApi
  readonly people: GitHubPeople
  readonly clientId: string
  readonly clientSecret: string
}

export function createGitHubLogin({ api, people, clientId, clientSecret }: GitHubLoginOptions): RedirectLogin {
  return {
    kind: 'redirect',
    id: 'github',
    label: 'GitHub',

    async begin({ state, redirectUri }) {
      const verifier = randomBytes(32).toString('base64url')
      const url = api.authorizeUrl({
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: people.scope,
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
      return people.identify(token.access_token)
    },
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
