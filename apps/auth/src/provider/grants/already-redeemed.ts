import { errors } from 'oidc-provider'

/**
 * Thrown by the adapter for a refresh token or device code that its own client redeemed within the grace. The engine
 * passes it on untouched; without {@link createReuseGrace} around it, it is what it says: an invalid grant.
 */
export class AlreadyRedeemedError extends errors.InvalidGrant {
  readonly grantId: string | undefined
  readonly accountId: string | undefined
  constructor({
    grantId,
    accountId,
  }: { readonly grantId?: string | undefined; readonly accountId?: string | undefined }) {
    super('already used')
    this.grantId = grantId
    this.accountId = accountId
  }
}
