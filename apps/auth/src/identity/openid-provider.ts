// Which OpenID provider somebody signs in at, as the operator described it, and how its people are named. Pure.

export interface OpenIdProvider {
  /** Part of the callback's path, `/login/<id>/callback`. */
  readonly id: 'google' | 'oidc' | `oidc-${string}`
  /** As in "Continue with …". */
  readonly label: string
  /** Byte for byte as the provider writes it, a trailing slash included. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  /**
   * Which addresses count: those that the provider says are `verified`, or `any` that it does not say are not, for a
   * provider that never says so and is known to check them.
   */
  readonly emails: 'verified' | 'any'
  /** `google:`, or `oidc:<name>:`. What follows in a subject is the provider's own `sub`. */
  readonly subjectPrefix: string
}

const NAME_AT_MOST = 64

/**
 * A label as it stands in a subject: lower case, and a dash for each run of anything but letters a-z and digits. Undefined if
 * nothing is left of it, or more than 64 characters: it is never cut, because two labels must not become one.
 */
export function subjectName(label: string): string | undefined {
  const name = label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return name !== '' && name.length <= NAME_AT_MOST ? name : undefined
}
