/** How subjects of people begin. A client's own token has its `client_id` as subject, which may begin with none of these. */
export const subjectPrefixes = ['github:', 'google:', 'oidc:', 'dev:'] as const

/** Whether `sub` names a person, rather than a client that acts for itself. */
export function isSubject(sub: string): boolean {
  return subjectPrefixes.some((prefix) => sub.startsWith(prefix))
}
