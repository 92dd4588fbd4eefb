import { errors } from 'oidc-provider'

/**
 * Thrown by the adapter where a refresh token or device code would be used up that its own client redeemed within the
 * grace: by then the request passed every check that it would have passed before. The engine passes it on untouched;
 * without {@link createReuseGrace} around it, it is what it says: an invalid grant.
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
