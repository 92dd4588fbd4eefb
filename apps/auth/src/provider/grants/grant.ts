// What a grant of the token endpoint is to us (RFC 6749 §1.3): a row of index.ts, in a file of its own.
import type { TokenEndpointGrantContext } from 'oidc-provider'
import type { ClientPolicy } from '../../config.ts'
import type { ReuseGrace } from './reuse-grace.ts'

export type GrantHandler = (ctx: TokenEndpointGrantContext) => void | Promise<void>

/** What decides which grants a client may have. */
export interface GrantApplicant {
  /** The operator vouches for it. */
  readonly isOperatorRegistered: boolean
  /** It proves who it is. */
  readonly hasSecret: boolean
}

export interface GrantParts {
  readonly policy: ClientPolicy
  readonly reuseGrace: ReuseGrace
}

export interface Grant {
  /** The `grant_type` of its requests. */
  readonly name: string
  /** What it reads of a request; everything else is ignored. None may come twice but `resource`, which resources.ts refuses. */
  readonly parameters: readonly string[]
  /** Asked when a client is registered or read, for what may be among its `grant_types`, and again at every use. */
  readonly mayUse: (client: GrantApplicant, policy: ClientPolicy) => boolean
  /** What runs around the handler. */
  readonly wrap?: (handler: GrantHandler, parts: GrantParts) => GrantHandler
  /** What answers. Absent for a grant that the engine has. */
  readonly handle?: GrantHandler
}
