// What a person grants: which of the request's scopes at which resource, and the engine's record of it.
import { type ProtectedResource, parseScope } from '@gatehouse/shared'
import type { Provider } from 'oidc-provider'
import { InteractionGoneError } from '../../errors.ts'
import { openidScopes } from '../clients/clients.ts'
import { registeredScope } from '../clients/own-metadata.ts'
import type { ResourcePolicy } from '../resources.ts'

/** Characters of what was asked for in vain that are kept with a grant; of a longer list nothing is. */
const keptInVain = 400

/** Parameters of an authorization or device authorization request, as the engine keeps them. */
export type RequestParameters = Readonly<Record<string, unknown>>

export interface RequestedAccess {
  /** Undefined for an app that only asks who the person is. */
  readonly resource: ProtectedResource | undefined
  /** The resource's scopes that are asked for, in the resource's order. */
  readonly scopes: readonly string[]
  /** Those of OpenID Connect. */
  readonly engineScopes: readonly string[]
  /** What else is asked for, which is not to be had: the client may name it again when it refreshes. */
  readonly inVain: readonly string[]
}

/** Throws {@link InteractionGoneError} if the resource is not ours any more. */
export function requestedAccess(params: RequestParameters, resources: ResourcePolicy, client: object): RequestedAccess {
  const resource = params.resource === undefined ? undefined : resources.find(String(params.resource))
  if (!resource && params.resource !== undefined) throw new InteractionGoneError()
  const limit = registeredScope(client)
  const requested = parseScope(typeof params.scope === 'string' ? params.scope : undefined)
  const scopes = (resource?.scopes ?? []).filter((scope) => requested.has(scope) && (!limit || limit.has(scope)))
  const engineScopes = openidScopes.filter((scope) => requested.has(scope))
  const granted = new Set([...scopes, ...engineScopes])
  return { resource, scopes, engineScopes, inVain: [...requested].filter((scope) => !granted.has(scope)) }
}

/** Stores what `accountId` grants to `clientId`. */
export async function saveGrant(
  provider: Provider,
  grantId: string,
  who: { accountId: string; clientId: string },
  access: RequestedAccess,
): Promise<void> {
  const grant = new provider.Grant(who)
  grant.jti = grantId
  if (access.resource && access.scopes.length > 0)
    grant.addResourceScope(access.resource.resource, access.scopes.join(' '))
  if (access.engineScopes.length > 0) grant.addOIDCScope(access.engineScopes.join(' '))
  const inVain = access.inVain.join(' ')
  if (inVain !== '' && inVain.length <= keptInVain) grant.rejectOIDCScope(inVain)
  await grant.save()
}
