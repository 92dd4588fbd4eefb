// A login for a laptop: anyone who gives a name is that person. It proves nothing, which is why login-settings.ts allows it for a
// loopback issuer only and reach.ts refuses it to anyone who comes from elsewhere.
import type { FormLogin } from './identity.ts'
import { refuseDeveloperLogin } from './reach.ts'

const developerName = /^[a-z0-9][a-z0-9._-]{0,31}$/

export interface DeveloperLoginOptions {
  readonly subjectPrefix: string
  /** The operator asked for it by name. */
  readonly explicit: boolean
  /** CIDR blocks of our own proxies. */
  readonly trustProxy: readonly string[]
}

export function createDeveloperLogin({ subjectPrefix, explicit, trustProxy }: DeveloperLoginOptions): FormLogin {
  return {
    kind: 'form',
    refuse: (origin) => refuseDeveloperLogin({ ...origin, explicit, trustProxy }),
    logIn({ name }) {
      const normalised = typeof name === 'string' ? name.trim().toLowerCase() : ''
      if (!developerName.test(normalised)) {
        return {
          problem: 'Use 1 to 32 letters, digits, dots, dashes or underscores, beginning with a letter or a digit.',
        }
      }
      const subject = subjectPrefix + normalised
      return { subject, label: subject, profile: { name: normalised, username: normalised } }
    },
  }
}
