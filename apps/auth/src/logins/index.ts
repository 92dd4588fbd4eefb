// The list of logins. A new one is a file beside this one and a row here; types then ask for its variables in
// login-settings.ts, and for its subject prefix in packages/shared, because no client may be called like a person.
import type { z } from 'zod'
import { developer } from './developer.ts'
import { github } from './github.ts'
import { google } from './google.ts'
import type { EnabledLogin, LoginKind, LoginSurroundings } from './login.ts'
import { openid } from './openid.ts'

const kinds = { developer, github, google, openid }

type Kinds = typeof kinds
export type LoginName = keyof Kinds
/** What an operator says of one login. Secret: there may be a client secret in it. */
export type LoginSettings<Name extends LoginName = LoginName> = {
  [Each in Name]: { readonly login: Each } & Readonly<z.infer<Kinds[Each]['settings']>>
}[Name]

/** What is wrong with one setting. The message goes on after its name. */
export interface SettingFault {
  readonly setting: string
  readonly message: string
}

/**
 * The settings with their defaults, and every fault in them. With a fault they are as they were given: good for nothing
 * but to be described.
 */
export function parseLogin(login: LoginName, given: object) {
  const { data, error } = kinds[login].settings.safeParse(given)
  const faults = error?.issues.map(({ path, message }): SettingFault => ({ setting: String(path[0]), message })) ?? []
  return { settings: { login, ...(data ?? given) } as LoginSettings, faults }
}

/** What follows from the settings of a login, before it is made. */
export function describeLogin(settings: LoginSettings) {
  const kind = kindOf(settings)
  return { label: kind.label(settings), subjectPrefix: kind.subjectPrefix(settings), judgedBy: kind.judgedBy }
}

/** In the order of the list, which is that of the buttons. Asks nobody anything yet. */
export function createLogins(list: readonly LoginSettings[], surroundings: LoginSurroundings): readonly EnabledLogin[] {
  return list.map((settings) => ({
    ...describeLogin(settings),
    ...kindOf(settings).create(settings, surroundings),
  }))
}

/** The row that settings are of. Types cannot follow that one has the shape of the other. */
function kindOf({ login }: LoginSettings): LoginKind<LoginSettings> {
  return kinds[login] as LoginKind<unknown> as LoginKind<LoginSettings>
}
