// GitHub, or a GitHub Enterprise server: the web flow with a secret, GitHub's own device flow without one.
import { z } from 'zod'
import { covers } from '../accounts/fact-needs.ts'
import { createGitHubLogin } from '../identity/github.ts'
import { createGitHubApi } from '../identity/github-api.ts'
import { createGitHubDeviceLogin } from '../identity/github-device.ts'
import { createGitHubPeople } from '../identity/github-people.ts'
import type { LoginKind } from './login.ts'
import { baseUrl } from './upstream-url.ts'

const publicGitHub = { url: 'https://github.com', apiUrl: 'https://api.github.com' }

const settings = z.object({
  clientId: z.string().min(1),
  /** Absent: no web sign-in, but the relay of GitHub's device flow, which needs none, works. */
  clientSecret: z.string().min(1).optional(),
  url: baseUrl(publicGitHub.url).default(publicGitHub.url),
  /** By default that of `url`: GitHub Enterprise has its API below the same host. */
  apiUrl: baseUrl(`${publicGitHub.apiUrl} or https://github.example.com/api/v3`).optional(),
})

export const github: LoginKind<z.infer<typeof settings>> = {
  settings,
  judgedBy: ['githubUsers', 'organisations', 'emailDomains', 'groups'],
  label: () => 'GitHub',
  subjectPrefix: () => 'github:',
  create(
    { clientId, clientSecret, url, apiUrl = url === publicGitHub.url ? publicGitHub.apiUrl : `${url}/api/v3` },
    { needs, now },
  ) {
    const api = createGitHubApi({ url, apiUrl })
    const people = createGitHubPeople({ api, needs, now, subjectPrefix: 'github:' })
    return {
      signIn: clientSecret === undefined ? undefined : createGitHubLogin({ api, people, clientId, clientSecret }),
      renewal: {
        isNeeded: () => needs.ofGitHub().renewed,
        knows: ({ asked }) => asked !== undefined && covers(asked, needs.ofGitHub()),
        ask: (_identity, token) => people.identify(token),
      },
      deviceFlow: createGitHubDeviceLogin({ api, people, clientId }),
    }
  },
}
