// Which OpenID provider somebody signs in at, as the operator described it, and how its people are named. Pure.

export interface OpenIdProvider {
  /** Part of the callback's path, `/login/<id>/callback`. */
  readonly id: string
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
  /** Only for a provider that is known to take it: others refuse it, and some of those say that they take it. */
  readonly prompt?: 'select_account'
  /** How it is asked for a refresh token. Absent: by the scope `offline_access`, if it has that (OpenID Connect Core §11). */
  readonly offline?: Readonly<Record<string, string>>
  /** Whether it is known to say by `hd` whose account it is. Of another provider that claim means nothing. */
  readonly hostsDomains?: boolean
  /** What follows it in a subject is the provider's own `sub`. */
  readonly subjectPrefix: string
}
