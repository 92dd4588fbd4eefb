/** How subjects of people begin. A client's own token has its `client_id` as subject, which may begin with none of these. */
const subjectPrefixes = ['github:', 'google:', 'oidc:', 'dev:'] as const

/** How the subjects of one login begin: a login of the authorization server has no other. */
export type SubjectPrefix = `${(typeof subjectPrefixes)[number]}${string}`

/** Whether `sub` names a person, rather than a client that acts for itself. */
export function isSubject(sub: string): boolean {
  return subjectPrefixes.some((prefix) => sub.startsWith(prefix))
}
