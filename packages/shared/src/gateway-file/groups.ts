// Groups: names for who people are, by what their login says of them. Who is in one is for the authorization server to say.
import { z } from 'zod'

/** One way into a group. Names of GitHub are in lower case; a domain is as it was written. */
export type Membership =
  | { readonly kind: 'github-org'; readonly organisation: string }
  | { readonly kind: 'github-team'; readonly organisation: string; readonly team: string }
  | { readonly kind: 'email-domain'; readonly domain: string }
  | { readonly kind: 'oidc-group'; readonly label: string; readonly group: string }
  | { readonly kind: 'google-domain'; readonly domain: string }

/** Of groups, and of ways into one: all of them stand in a token at most, and each may be a question to GitHub. */
const most = 100

const domain = /^(?=.{1,255}$)[^\s.*@/:]+(\.[^\s.*@/:]+)+$/u
// a team of dots alone would be another address
const team = /^([a-z0-9][a-z0-9_-]{0,99})\/([a-z0-9_-][a-z0-9._-]{0,99})$/i

/** What follows a kind, and how it is written. */
const kinds: {
  readonly [Kind in Membership['kind']]: {
    readonly form: string
    readonly read: (text: string) => (Membership & { readonly kind: Kind }) | undefined
  }
} = {
  'github-org': {
    form: 'github-org:ORG, the name as in its address',
    read: (text) =>
      /^[a-z0-9][a-z0-9_-]{0,99}$/i.test(text) ? { kind: 'github-org', organisation: text.toLowerCase() } : undefined,
  },
  'github-team': {
    form: 'github-team:ORG/TEAM, both as in the address of the team',
    read(text) {
      const [, organisation, name] = team.exec(text) ?? []
      if (organisation === undefined || name === undefined) return undefined
      return { kind: 'github-team', organisation: organisation.toLowerCase(), team: name.toLowerCase() }
    },
  },
  'email-domain': {
    form: 'email-domain:example.com, without wildcards',
    read: (text) => (domain.test(text) ? { kind: 'email-domain', domain: text } : undefined),
  },
  'oidc-group': {
    form: 'oidc-group:LABEL/GROUP, the label of the login and what it calls the group',
    read(text) {
      const [, label, group] = /^([^/]{1,255})\/(.{1,256})$/u.exec(text) ?? []
      return label === undefined || group === undefined ? undefined : { kind: 'oidc-group', label, group }
    },
  },
  'google-domain': {
    form: 'google-domain:example.com, the primary domain of a Google Workspace',
    read: (text) => (domain.test(text) ? { kind: 'google-domain', domain: text } : undefined),
  },
}

function split(text: string) {
  const [, kind = '', rest = ''] = /^([a-z-]+):(.*)$/su.exec(text) ?? []
  return { kind: Object.hasOwn(kinds, kind) ? kinds[kind as Membership['kind']] : undefined, rest }
}

const line = /^\P{C}+$/u

const membership = z.string('must be text: put it in quotes').superRefine((text, context) => {
  const { kind, rest } = split(text)
  if (!kind) context.addIssue({ code: 'custom', message: `must be one of ${Object.keys(kinds).join(':…, ')}:…` })
  else if (!line.test(text) || !kind.read(rest)) context.addIssue({ code: 'custom', message: `must be ${kind.form}` })
})

/** Throws for what the check above refuses. */
export function membershipIn(text: string): Membership {
  const { kind, rest } = split(text)
  const read = kind?.read(rest)
  if (!read) throw new TypeError('no way into a group')
  return read
}

/** Of a group. */
export const groupName = z
  .string('must be the name of a group')
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'a name has at most 40 of a-z, 0-9 and -, and begins with a letter')

export const groups = z
  .record(
    groupName,
    z
      .array(membership, 'must be a list of ways into the group, such as github-team:acme/finance')
      .min(1, 'must name somebody: leave the group out'),
  )
  .default({})
  .superRefine((all, context) => {
    if (Object.keys(all).length > most)
      context.addIssue({ code: 'custom', message: `must be at most ${most}: a token may name all of them` })
    const ways = Object.values(all).flat()
    if (ways.length > 10 * most)
      context.addIssue({ code: 'custom', message: `must have at most ${10 * most} ways into them in all` })
    if (new Set(ways.filter((way) => way.startsWith('github-'))).size > most)
      context.addIssue({
        code: 'custom',
        message: `must have at most ${most} organisations and teams of GitHub in all: each is a question about each person`,
      })
  })
  .meta({
    description:
      'Names for who people are: github-org:ORG, github-team:ORG/TEAM, email-domain:DOMAIN, oidc-group:LABEL/GROUP, google-domain:DOMAIN.',
  })
