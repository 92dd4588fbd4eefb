import { errors } from 'oidc-provider'

/** Thrown by the store's adapter where a client redeems what was issued to another one. The engine's own answer is the same. */
export class OtherClientError extends errors.InvalidGrant {
  constructor() {
    super('issued to another client')
  }
}
