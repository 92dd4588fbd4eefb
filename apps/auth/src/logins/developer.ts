// A name in a form is enough: for a laptop. When it may be switched on is for login-settings.ts to say.
import { z } from 'zod'
import { createDeveloperLogin } from '../identity/developer.ts'
import type { LoginKind } from './login.ts'

const settings = z.object({
  /** Asked for by name, so that it also answers peers that are not loopback. */
  explicit: z.boolean(),
})

const subjectPrefix = 'dev:'

export const developer: LoginKind<z.infer<typeof settings>> = {
  settings,
  judgedBy: [],
  label: () => 'development login',
  subjectPrefix: () => subjectPrefix,
  create: ({ explicit }, { trustProxy }) => ({ signIn: createDeveloperLogin({ subjectPrefix, explicit, trustProxy }) }),
}
