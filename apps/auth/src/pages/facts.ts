// What the pages are told. Plain data: how it was found out is the caller's affair. Texts come as they were received:
// the pages clean, cut and escape them.

/** The app that asks. */
export interface AppFacts {
  /** The name it gave itself. */
  readonly name: string | undefined
  readonly clientId: string
  /** The host that vouches for the app (its client id is a document there), in punycode; undefined: unverified. */
  readonly verifiedHost?: string | undefined
  /** An operator registered it. */
  readonly trusted: boolean
}

/** Where the browser goes with the answer. */
export type ReturnsTo =
  | { readonly kind: 'web'; readonly host: string }
  | { readonly kind: 'loopback' }
  | { readonly kind: 'app'; readonly scheme: string }

/** The server that the app wants to reach. */
export interface ResourceFacts {
  readonly name: string
  readonly url: string
  /** What stands behind it, by name. */
  readonly upstreams?: readonly string[] | undefined
}

/** Why the last step came to nothing, and in `advice` what a person can do about it. */
export interface Trouble {
  readonly problem: string
  readonly advice?: string | undefined
}

/** Where a form posts to, and the token that goes along in its hidden field `xsrf`. */
export interface FormFacts {
  readonly action: string
  readonly xsrf: string
  /** What the page shows of what may change meanwhile, in the hidden field `shown`. */
  readonly shown?: string | undefined
}
