// Any other OpenID provider; there may be several, each with a label of its own.
import type { SubjectPrefix } from '@gatehouse/shared'
import { z } from 'zod'
import { createOpenIdLogin } from '../identity/openid.ts'
import type { LoginKind } from './login.ts'
import { issuerUrl } from './upstream-url.ts'

const nameAtMost = 64
const noName = 'must have a letter a-z or a digit in it, and at most 64 of them (it is part of every subject)'

const settings = z
  .object({
    /** Part of the callback's path, `/login/<id>/callback`; by default `oidc-<name>`, with the label as a name. */
    id: z.literal('oidc').optional(),
    issuer: issuerUrl,
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    /** By default the issuer's host. It names people (`oidc:<name>:<sub>`): another one makes strangers of them. */
    label: z.string().refine(hasName, noName).optional(),
    emails: z.enum(['verified', 'any'], 'must be one of verified, any').default('verified'),
  })
  .refine((provider) => hasName(labelOf(provider)), { path: ['label'], message: noName })

export const openid: LoginKind<z.infer<typeof settings>> = {
  settings,
  judgedBy: ['emailDomains', 'groups'],
  label: labelOf,
  subjectPrefix: (provider) => openIdPrefix(labelOf(provider)),
  create: (provider, { needs, now }) => {
    const label = labelOf(provider)
    const { id = `oidc-${subjectName(label)}`, ...client } = provider
    const subjectPrefix = openid.subjectPrefix(provider)
    return createOpenIdLogin({ provider: { ...client, id, label, subjectPrefix }, needs, now })
  },
}

/** How the subjects of a provider's people begin, by its label. */
export function openIdPrefix(label: string): SubjectPrefix {
  return `oidc:${subjectName(label)}:`
}

function labelOf({ label, issuer }: { readonly label?: string | undefined; readonly issuer: string }): string {
  return label ?? URL.parse(issuer)?.host ?? 'OpenID'
}

/** A label as it stands in a subject: lower case, and a dash for each run of anything but letters a-z and digits. */
function subjectName(label: string): string {
  return label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}

/** A name is never cut, because two labels must not become one. */
function hasName(label: string): boolean {
  const { length } = subjectName(label)
  return length > 0 && length <= nameAtMost
}
