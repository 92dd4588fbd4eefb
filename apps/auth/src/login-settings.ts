// Who signs in and who may enter, as the environment says it. What a login makes of its settings is in logins/.
import { domainToASCII } from 'node:url'
import { createSettingsReader, type SettingsReader } from '@gatehouse/service'
import { type Environment, isLoopbackHost } from '@gatehouse/shared'
import { z } from 'zod'
import { type AdmissionRules, hasRules } from './accounts/admission.ts'
import { readJson, readText } from './json-settings.ts'
import { describeLogin, type LoginName, type LoginSettings, parseLogin } from './logins/index.ts'
import { letsEverybodyIn } from './logins/login.ts'
import { loginVariables } from './variables.ts'

type Reader = Pick<SettingsReader<typeof loginVariables>, 'given' | 'list' | 'secret' | 'text'>

/** A variable that a login has its setting from. */
interface LoginVariable {
  readonly name: string
  readonly read: (read: Reader) => string | undefined
}
const text = (name: keyof typeof loginVariables): LoginVariable => ({ name, read: (read) => read.given(name) })
const secret = (name: keyof typeof loginVariables): LoginVariable => ({ name, read: (read) => read.secret(name) })

type Variables<Name extends LoginName> = {
  readonly [Setting in Exclude<keyof LoginSettings<Name>, 'login'>]?: LoginVariable
}
interface LoginSource<Name extends LoginName> {
  /** Any of these switches the login on. */
  readonly credentials: Variables<Name>
  readonly more: Variables<Name>
  /** What the login of these variables is beside what they say. */
  readonly fixed?: Partial<LoginSettings<Name>>
  /** Told if the client id or the client secret is missing. */
  readonly half: string
  /** What to set, for an operator without a login. */
  readonly hint: string
}

/** Where the environment has the settings of a login. Whether the developer login is on is readDeveloperLogin(). */
const loginSources: { readonly [Name in Exclude<LoginName, 'developer'>]: LoginSource<Name> } = {
  github: {
    credentials: { clientId: text('GITHUB_CLIENT_ID'), clientSecret: secret('GITHUB_CLIENT_SECRET') },
    more: { url: text('GITHUB_URL'), apiUrl: text('GITHUB_API_URL') },
    half: 'GITHUB_CLIENT_SECRET is set and GITHUB_CLIENT_ID is not: set both.',
    hint: 'GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET',
  },
  google: {
    credentials: { clientId: text('GOOGLE_CLIENT_ID'), clientSecret: secret('GOOGLE_CLIENT_SECRET') },
    more: { issuer: text('GOOGLE_ISSUER') },
    half: 'GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET go together: set both.',
    hint: 'GOOGLE_…',
  },
  openid: {
    credentials: {
      issuer: text('OIDC_ISSUER'),
      clientId: text('OIDC_CLIENT_ID'),
      clientSecret: secret('OIDC_CLIENT_SECRET'),
    },
    more: { label: text('OIDC_LABEL'), emails: text('OIDC_EMAILS') },
    fixed: { id: 'oidc' },
    half: 'OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together: set all three.',
    hint: 'OIDC_…',
  },
}
type SourcedLogin = keyof typeof loginSources

/** In the order of their buttons. */
export function readLogins(
  read: Reader,
  developerLogin: LoginSettings | undefined,
  faults: string[],
): readonly LoginSettings[] {
  const logins = [
    developerLogin,
    ...(Object.keys(loginSources) as SourcedLogin[]).map((login) =>
      readLogin(login, read, faults, loginSources[login].fixed),
    ),
    ...readOpenIdProviders(read.given('OIDC_PROVIDERS'), faults),
  ].filter((login) => login !== undefined)
  const seen = new Set<string>()
  for (const { label, subjectPrefix } of logins.map(describeLogin)) {
    if (seen.has(subjectPrefix))
      faults.push(`OIDC_LABEL "${label}" is there twice: subjects (${subjectPrefix}…) would be those of two providers.`)
    seen.add(subjectPrefix)
  }
  return logins
}

/** Undefined if nothing switches it on. */
function readLogin(login: SourcedLogin, read: Reader, faults: string[], fixed = {}): LoginSettings | undefined {
  const { credentials, more, half } = loginSources[login]
  const variables: Readonly<Record<string, LoginVariable>> = { ...credentials, ...more }
  const given = Object.fromEntries(
    Object.entries(variables).flatMap(([setting, variable]) => {
      const value = variable.read(read)
      return value === undefined ? [] : [[setting, value]]
    }),
  )
  if (!Object.keys(credentials).some((setting) => setting in given)) return undefined
  const result = parseLogin(login, { ...fixed, ...given })
  const told = result.faults.map(({ setting, message }) =>
    /^client(Id|Secret)$/.test(setting) ? half : `${variables[setting]?.name} ${message}.`,
  )
  faults.push(...new Set(told))
  return 'clientId' in given ? result.settings : undefined
}

/** JSON, or a file with it: entries with the variables' names, and values, of the one provider. */
function readOpenIdProviders(value: string | undefined, faults: string[]): readonly (LoginSettings | undefined)[] {
  const { credentials, more } = loginSources.openid
  const names = Object.values({ ...credentials, ...more }).map(({ name }) => name)
  const settings = new Set([...names, 'OIDC_CLIENT_SECRET_FILE'])
  return readEntries(value, faults).map((entry, index) => {
    const wrong: string[] = []
    const unknown = Object.keys(entry).filter((name) => !settings.has(name))
    if (unknown.length > 0) wrong.push(`${unknown.join(', ')}: there is no such setting.`)
    const before = wrong.length
    const provider = readLogin('openid', createSettingsReader(entry, wrong, loginVariables), wrong)
    if (!provider && wrong.length === before)
      wrong.push('OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET are missing.')
    faults.push(...wrong.map((fault) => `OIDC_PROVIDERS at ${index}: ${fault}`))
    return provider
  })
}

/** JSON, or a file with it. */
function readEntries(value: string | undefined, faults: string[]): readonly Environment[] {
  if (!value) return []
  // what is no name of a file may hold secrets: it is never shown
  const isJson = /^\s*[[{"]/.test(value)
  const json = isJson ? value : readText(value, 'OIDC_PROVIDERS', faults, 'the file that it names')
  return (json && readJson('OIDC_PROVIDERS', json, z.array(z.record(z.string(), z.string())).max(20), faults)) || []
}

export function readAdmission(read: Reader, faults: string[]): AdmissionRules {
  const rules = {
    githubUsers: read.list('ALLOWED_GITHUB_USERS'),
    organisations: read.list('ALLOWED_GITHUB_ORGS'),
    emailDomains: read.list('ALLOWED_EMAIL_DOMAINS').map((domain) => domainToASCII(domain.replace(/^@/, ''))),
    groups: read.list('ALLOWED_GROUPS'),
  }
  for (const name of [...rules.githubUsers, ...rules.organisations]) {
    if (!/^[a-z0-9][a-z0-9-_]{0,99}$/.test(name))
      faults.push(`ALLOWED_GITHUB_USERS and ALLOWED_GITHUB_ORGS take GitHub names: "${name}" is not one.`)
  }
  if (rules.emailDomains.some((domain) => !/^[^.*]+(\.[^.*]+)+$/.test(domain))) {
    faults.push('ALLOWED_EMAIL_DOMAINS takes domains such as example.com, without wildcards.')
  }
  return rules
}

interface LoginsAndRules {
  readonly production: boolean
  readonly logins: readonly LoginSettings[]
  readonly admission: AdmissionRules
}

/** In production somebody must be able to sign in, and not everybody by oversight. */
export function checkLogins(read: Reader, { production, logins, admission }: LoginsAndRules, faults: string[]): void {
  const described = logins.map(describeLogin)
  // GitHub without a secret, too: the relay of its device flow lets people in
  const judged = described.filter((login) => !letsEverybodyIn(login))
  const apply = (rule: keyof AdmissionRules) => judged.some(({ judgedBy }) => judgedBy.includes(rule))
  const hints = Object.values(loginSources).map(({ hint }) => hint)
  const all = `${hints.slice(0, -1).join(', ')} or ${hints.at(-1)}`
  if (admission.githubUsers.length + admission.organisations.length > 0 && !apply('githubUsers'))
    faults.push(
      `ALLOWED_GITHUB_USERS and ALLOWED_GITHUB_ORGS are set without a login that they could apply to: set ${loginSources.github.hint}.`,
    )
  if (admission.emailDomains.length > 0 && !apply('emailDomains'))
    faults.push(`ALLOWED_EMAIL_DOMAINS is set without a login that it could apply to: set ${all}.`)
  if (admission.groups.length > 0 && !apply('groups'))
    faults.push(`ALLOWED_GROUPS is set without a login that it could apply to: set ${all}.`)
  if (!production) return
  if (logins.length === 0) faults.push(`No login is configured, nobody could sign in: set ${all}.`)
  if (judged.length > 0 && !hasRules(admission) && read.given('ALLOW_ANYONE') !== 'true') {
    faults.push(
      `Everybody with an account at ${judged.map(({ label }) => label).join(' or ')} could sign in: set ALLOWED_GITHUB_USERS, ALLOWED_GITHUB_ORGS, ALLOWED_EMAIL_DOMAINS or ALLOWED_GROUPS, or ALLOW_ANYONE=true if that is meant.`,
    )
  }
}

export function readDeveloperLogin(
  read: Reader,
  { loopback, production, host }: { loopback: boolean; production: boolean; host: string },
  faults: string[],
): LoginSettings<'developer'> | undefined {
  const value = read.given('AUTH_DEV_LOGIN')
  if (value !== undefined && !['true', 'false'].includes(value)) faults.push('AUTH_DEV_LOGIN must be true or false.')
  if (value === 'true') {
    if (!loopback)
      faults.push('AUTH_DEV_LOGIN lets everybody in and is for a loopback AUTH_ISSUER only: configure a real login.')
    return { login: 'developer', explicit: true }
  }
  const listensOnLoopback = isLoopbackHost(host) || host === '::1'
  const isOn = value !== 'false' && loopback && listensOnLoopback && !production
  return isOn ? { login: 'developer', explicit: false } : undefined
}
