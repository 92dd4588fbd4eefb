// GitHub's own device flow (RFC 8628 as GitHub speaks it), with us as its client. It needs a client id alone: no
// callback, no secret, so it works where we have no public address.
import { deviceCodeGrant } from '@gatehouse/shared'
import { z } from 'zod'
import type { GitHubApi } from './github-api.ts'
import type { GitHubPeople } from './github-people.ts'
import { type Identity, LoginFailedError } from './identity.ts'

const codeSchema = z.object({
  device_code: z.string().min(1),
  user_code: z.string().regex(/^[A-Z0-9-]{4,16}$/),
  verification_uri: z.url({ protocol: /^https?$/ }),
  expires_in: z.number().int().positive(),
  interval: z.number().int().min(1).max(60).default(5),
})

export type GitHubDeviceCode = z.infer<typeof codeSchema>

/** What a poll of GitHub brought. `interval` is in seconds: the one to keep from now on. */
export type GitHubPoll =
  | { readonly outcome: 'pending' | 'expired' | 'denied' }
  | { readonly outcome: 'slow_down'; readonly interval: number | undefined }
  | { readonly outcome: 'signed_in'; readonly identity: Identity }

export interface GitHubDeviceLogin {
  /** Throws {@link LoginFailedError}. */
  begin(): Promise<GitHubDeviceCode>
  /** Throws {@link LoginFailedError} while GitHub cannot be asked: the code is as good as before. */
  poll(deviceCode: string): Promise<GitHubPoll>
}

export interface GitHubDeviceLoginOptions {
  readonly api: GitHubApi
  readonly people: GitHubPeople
  readonly clientId: string
}

export function createGitHubDeviceLogin({ api, people, clientId }: GitHubDeviceLoginOptions): GitHubDeviceLogin {
  return {
    async begin() {
      const result = codeSchema.safeParse(await api.deviceCode({ client_id: clientId, scope: people.scope }))
      if (!result.success)
        throw new LoginFailedError(
          'misconfigured',
          'GitHub gave no device code: is the device flow enabled for the app?',
        )
      return result.data
    },

    async poll(deviceCode) {
      const token = await api.token({
        client_id: clientId,
        device_code: deviceCode,
        grant_type: deviceCodeGrant,
      })
      if (token.access_token) return { outcome: 'signed_in', identity: await people.identify(token.access_token) }
      switch (token.error) {
        case 'authorization_pending':
          return { outcome: 'pending' }
        case 'slow_down':
          return { outcome: 'slow_down', interval: token.interval }
        case 'access_denied':
          return { outcome: 'denied' }
        default:
          // expired_token, and whatever else ends this code
          return { outcome: 'expired' }
      }
    },
  }
}
