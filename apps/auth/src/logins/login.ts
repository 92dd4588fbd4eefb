// What a login is: the shape of its settings, what its people are called and judged by, and how it signs them in. Each
// login is one file of this folder and a row of index.ts; the protocol that it speaks is in identity/.
import type { SubjectPrefix } from '@gatehouse/shared'
import type { z } from 'zod'
import type { AdmissionRules } from '../accounts/admission.ts'
import type { FactNeeds } from '../accounts/fact-needs.ts'
import type { GitHubDeviceLogin } from '../identity/github-device.ts'
import type { FactsRenewal, Login } from '../identity/identity.ts'

/** A login as the code knows it, whatever an operator says of it. */
export interface LoginKind<Settings> {
  /** What an operator says of it. A message goes on after the name of the setting, and has no full stop. */
  readonly settings: z.ZodType<Settings>
  /** The rules that its people can meet. Without any, it lets everybody in: no rule applies to it. */
  readonly judgedBy: readonly (keyof AdmissionRules)[]
  /** What people know it by, as in "Continue with …". */
  label(settings: Settings): string
  /** How the subjects of its people begin, and nobody else's. It stays for ever: another one makes strangers of them. */
  subjectPrefix(settings: Settings): SubjectPrefix
  create(settings: Settings, surroundings: LoginSurroundings): LoginWays
}

export interface LoginSurroundings {
  readonly needs: FactNeeds
  /** In milliseconds since the epoch. */
  readonly now: () => number
  /** CIDR blocks of our own proxies. */
  readonly trustProxy: readonly string[]
}

/** What somebody can do through a login. */
export interface LoginWays {
  /** A button or a form of our sign-in page. Absent: it has none. */
  readonly signIn?: Login | undefined
  /** Absent: nothing that it says of its people is judged. */
  readonly renewal?: FactsRenewal
  /** A device flow of the upstream's own, to relay. */
  readonly deviceFlow?: GitHubDeviceLogin
}

/** A login that is switched on. */
export interface EnabledLogin extends LoginWays, Pick<LoginKind<unknown>, 'judgedBy'> {
  readonly subjectPrefix: SubjectPrefix
}

/** Whether nothing keeps anybody out who says a name. */
export function letsEverybodyIn({ judgedBy }: Pick<LoginKind<unknown>, 'judgedBy'>): boolean {
  return judgedBy.length === 0
}
