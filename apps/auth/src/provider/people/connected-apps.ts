// What a person granted and to whom, for the page on which they see it and end it. The store's list leads to the grants
// (docs/storage-schema.md); beside each grant is kept how it came to be, for as long.
//
// An end is the end of the grant: without it nothing is redeemed or refreshed, and introspection says inactive. Access
// tokens that are out are JWTs and live on until they expire: docs/adr/0007-connected-apps.md.
import { parseScope, personalScopes } from '@gatehouse/shared'
import { type Client, errors, type Provider } from 'oidc-provider'
import type { Lifetimes } from '../../config.ts'
import { StoreUnavailableError } from '../../errors.ts'
import type { ConnectedApp, ConnectedApps, EndedGrant } from '../../interactions/gate.ts'
import type { Clock, Payload, RecordStore, StoredGrant } from '../../store/contract.ts'
import { endGrant } from '../grants/end-grant.ts'
import { refreshLifetime } from '../lifetimes.ts'
import type { ResourcePolicy } from '../resources.ts'
import { appFacts, resourceFacts } from './facts.ts'
import { type RequestedAccess, saveGrant } from './requested-access.ts'

const model = 'GrantOrigin'
/** Each approval is a grant. With one more, the one that was not used for longest ends. */
export const grantsAtMost = 200

/** How a grant came to be. Absent for those of a release that did not keep it. */
export interface GrantOrigin extends Pick<ConnectedApp, 'device' | 'returnsTo'> {
  /** What the app was called, for when it is not known any more. */
  readonly name?: string | undefined
  /**
   * What stood behind the resource on the page that was approved, by name. Absent where nobody was shown it: there is no
   * file, the approval was given on a page of GitHub, or a release gave the grant that did not keep it.
   */
  readonly upstreams?: readonly string[] | undefined
}

export interface GrantBook extends ConnectedApps {
  /** Stores what a person grants, under an id that decisions.ts made. Idempotent. */
  add(
    grantId: string,
    who: { accountId: string; clientId: string },
    access: RequestedAccess,
    origin: GrantOrigin,
  ): Promise<void>
  /**
   * What a person was shown behind this resource, by name, at any approval of this app that still stands. Undefined: none
   * does, or it is not known.
   */
  agreedUpstreams(
    who: { accountId: string; clientId: string },
    resource: string,
  ): Promise<readonly string[] | undefined>
}

export interface GrantBookOptions {
  readonly provider: () => Provider
  readonly records: RecordStore
  readonly resources: ResourcePolicy
  readonly lifetimes: Lifetimes
  readonly clock: Clock
  /** Told of each that ended for another one. */
  readonly onRoomMade: (subject: string, ended: EndedGrant) => void
}

interface GrantPayload {
  readonly jti: string
  readonly clientId: string
  /** In seconds since the epoch. */
  readonly iat: number
  readonly exp: number
  /** The scopes at each resource. */
  readonly resources?: Readonly<Record<string, string>>
  readonly openid?: { readonly scope?: string }
}

export function createGrantBook(options: GrantBookOptions): GrantBook {
  const { provider, records, resources, lifetimes, clock, onRoomMade } = options
  const payloadOf = ({ payload }: StoredGrant) => payload as unknown as GrantPayload

  const end = async (grant: StoredGrant): Promise<EndedGrant> => {
    const { jti: grantId, clientId } = payloadOf(grant)
    await endGrant(records, grantId)
    return { grantId, clientId }
  }

  const makeRoom = async (accountId: string, grantId: string) => {
    const grants = (await records.grantsOf(accountId)).filter((grant) => payloadOf(grant).jti !== grantId)
    const leastUsed = [...grants].sort((one, other) => one.usedAt - other.usedAt)
    const tooMany = leastUsed.slice(0, Math.max(0, grants.length + 1 - grantsAtMost))
    for (const ended of await Promise.all(tooMany.map(end))) onRoomMade(accountId, ended)
  }

  const describe = async (grant: StoredGrant): Promise<ConnectedApp | undefined> => {
    const { jti, clientId, iat, exp, resources: granted = {}, openid } = payloadOf(grant)
    const [client, record] = await Promise.all([findClient(provider(), clientId), records.find(model, jti)])
    const { name, device, returnsTo } = (record?.payload ?? {}) as GrantOrigin
    const learned = personalScopes.filter((scope) => parseScope(openid?.scope).has(scope))
    const usableUntil = Math.min(exp * 1000, grant.usedAt + idleLifetime(lifetimes, client, Boolean(device)) * 1000)
    if (usableUntil <= clock()) return undefined
    return {
      id: jti,
      app: client ? appFacts(client) : { name, clientId, trusted: false, ...hostOf(clientId) },
      access: [
        ...Object.entries(granted).map(([url, scope]) => ({
          resource: resourceFacts(resources.find(url) ?? { name: url, resource: url }),
          words: resources.find(url)?.words ?? {},
          scopes: [...parseScope(scope)],
        })),
        ...(learned.length > 0 ? [{ scopes: learned }] : []),
      ],
      approvedAt: iat * 1000,
      usedAt: grant.usedAt,
      ...(device && { device }),
      ...(returnsTo && { returnsTo }),
    }
  }

  return {
    async add(grantId, who, access, origin) {
      await makeRoom(who.accountId, grantId)
      await saveGrant(provider(), grantId, who, access)
      await records.put(model, grantId, { ...origin } as Payload, lifetimes.grant * 1000, { grantId })
    },

    async agreedUpstreams({ accountId, clientId }, resource) {
      const grants = (await records.grantsOf(accountId))
        .map(payloadOf)
        .filter((grant) => grant.clientId === clientId && grant.resources?.[resource] !== undefined)
      const found = await Promise.all(grants.map(({ jti }) => records.find(model, jti)))
      const known = found.flatMap((record) => (record?.payload as GrantOrigin | undefined)?.upstreams ?? [])
      return known.length > 0 ? known : undefined
    },

    async list(subject) {
      const described = await Promise.all((await records.grantsOf(subject)).map(describe))
      return described.filter((app) => app !== undefined).sort((one, other) => other.usedAt - one.usedAt)
    },

    async end(subject, id) {
      const grants = await records.grantsOf(subject)
      return Promise.all(grants.filter((grant) => id === undefined || payloadOf(grant).jti === id).map(end))
    },
  }
}

/** For how many seconds a grant is of use after it was used: what it renews with lives no longer. */
function idleLifetime(lifetimes: Lifetimes, client: Client | undefined, device: boolean): number {
  // one that is not looked up, or not known any more, is not the operator's
  if (!client) return refreshLifetime(lifetimes, {}, device)
  if (client.grantTypeAllowed('refresh_token')) return refreshLifetime(lifetimes, client, device)
  return lifetimes.deviceCode + lifetimes.accessToken
}

/** The host of a client id metadata document. */
function hostOf(clientId: string): { readonly verifiedHost?: string } {
  return isDocument(clientId) ? { verifiedHost: new URL(clientId).host } : {}
}

function isDocument(clientId: string): boolean {
  return clientId.startsWith('https://')
}

/**
 * Clients that are not admitted, or cannot be looked up, are just not known here: none may keep the others from being ended.
 * No document is fetched: a visit to the page would ask strangers' hosts, and wait for them.
 */
async function findClient(provider: Provider, clientId: string): Promise<Client | undefined> {
  if (isDocument(clientId)) return undefined
  return provider.Client.find(clientId).catch((error: unknown) => {
    const isStoreAway = (error as Error).cause instanceof StoreUnavailableError
    if (error instanceof errors.OIDCProviderError && !isStoreAway) return undefined
    throw error
  })
}
