// Google: an OpenID provider that says which addresses it verified, and asks which account where it is told to.
import { z } from 'zod'
import { createOpenIdLogin } from '../identity/openid.ts'
import type { LoginKind } from './login.ts'
import { issuerUrl } from './upstream-url.ts'

const settings = z.object({
  clientId: z.string().min(1),
  clientSecret: z.string().min(1),
  /** Another one is for tests, and for a proxy in front of Google. */
  issuer: issuerUrl.default('https://accounts.google.com'),
})

export const google: LoginKind<z.infer<typeof settings>> = {
  settings,
  judgedBy: ['emailDomains', 'groups'],
  label: () => 'Google',
  subjectPrefix: () => 'google:',
  create: (client, { needs, now }) =>
    createOpenIdLogin({
      provider: {
        ...client,
        id: 'google',
        label: 'Google',
        emails: 'verified',
        prompt: 'select_account',
        // without the second it gives a refresh token at the first sign-in of a person alone, whatever became of that one
        offline: { access_type: 'offline', prompt: 'select_account consent' },
        hostsDomains: true,
        subjectPrefix: 'google:',
      },
      needs,
      now,
    }),
}
