// oidc-provider's adapter over our store. What it adds to the plain mapping is what the engine leaves open: single use
// that holds in a race, device codes that are compare-and-set, `slow_down`, and our errors in the engine's words.
import { randomInt } from 'node:crypto'
import { parseScope } from '@gatehouse/shared'
import {
  type Adapter,
  type AdapterPayload,
  type ClientMetadata,
  errors,
  type KoaContextWithOIDC,
  Provider,
} from 'oidc-provider'
import type { Lifetimes } from '../config.ts'
import { AlreadyConsumedError, UserCodeTakenError } from '../errors.ts'
import { networkOf } from '../limits/network.ts'
import type { Clock, DeviceCodePhase, DeviceCodeWrite, Payload, Store, StoredRecord } from '../store/contract.ts'
import { type ClientDocuments, isDocumentId } from './clients/documents/client-documents.ts'
import { noteRepetition } from './clients/registration.ts'
import { withHashedSecret } from './clients/secrets.ts'
import type { DeviceRelay } from './device/relay.ts'
import { AlreadyRedeemedError } from './grants/already-redeemed.ts'
import { isTakingOver } from './grants/reuse-grace.ts'
import { refreshLifetime } from './lifetimes.ts'
import { narrowToGranted } from './request-parameters.ts'
import { refuseOtherResource } from './resources.ts'
import { inEngineWords } from './store-errors.ts'

/**
 * For this long after a code or token was used, the engine does not see that it was. A caller that lost the race by a
 * moment would otherwise look like a thief, and the engine would revoke the winner's grant.
 */
const CONSUMED_HIDDEN_MS = 2_000
/** A registered client that nobody uses is forgotten after this; any use within it starts it again. */
const CLIENT_LIFETIME = 90 * 86_400
/** One that never came back after it registered is forgotten sooner: most registrations are never used. */
const NEVER_USED_LIFETIME = 86_400
const CLIENT_RENEWAL_MS = 86_400_000
/** What a client trades for tokens. */
const GRANT_SOURCES = new Set(['AuthorizationCode', 'DeviceCode', 'RefreshToken'])
/** Of these, what is presented again within the grace gets its answer again: grants/reuse-grace.ts. */
const ANSWERED_AGAIN = new Set(['RefreshToken', 'DeviceCode'])
/** What is written when a person grants something, and whenever a client renews its tokens: connected-apps.ts lists it. */
const USES_OF_GRANTS = new Set(['Grant', 'RefreshToken'])
const USER_CODE_TRIES = 5
const USER_CODE_ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
export const USER_CODE_LENGTH = 8

export interface AdapterOptions {
  readonly store: Store
  readonly clock: Clock
  /** Seconds between two polls of a device. */
  readonly deviceInterval: number
  /** Seconds in which a redeemed refresh token or device code gets its answer again: grants/reuse-grace.ts. */
  readonly reuseGrace: number
  readonly lifetimes: Lifetimes
  readonly relay?: DeviceRelay | undefined
  /** A poll came from another network than the request for its code. */
  readonly onPollFromElsewhere: (poll: { clientId: string; askedFrom: string; polledFrom: string }) => void
  readonly findStaticClient: (clientId: string) => ClientMetadata | undefined
  /** Undefined: the operator's clients are the only ones there are. */
  readonly unverified: { readonly documents: ClientDocuments | undefined } | undefined
}

export function createAdapterFactory(options: AdapterOptions): (model: string) => Adapter {
  return (model) => {
    if (model === 'DeviceCode') return translated(createDeviceCodeAdapter(options))
    if (model === 'Client') return translated(createClientAdapter(options))
    if (model === 'Grant') return translated(createGrantAdapter(options))
    if (model === 'Session') return translated(createSessionAdapter(options))
    if (model === 'RefreshToken') return translated(createRefreshTokenAdapter(options))
    return translated(createRecordAdapter(options, model))
  }
}

function createRecordAdapter(options: AdapterOptions, model: string): Adapter {
  const { records } = options.store
  return {
    upsert: (id, payload, expiresIn) => records.put(model, id, payload as Payload, expiresIn, indexes(model, payload)),
    async find(id) {
      const record = seen(options, model, await records.find(model, id))
      if (record && GRANT_SOURCES.has(model) && currentRoute() === 'token') {
        refuseOtherResource(record, context()?.oidc)
        await narrowToGranted(record, context()?.oidc, async () => {
          const grant = record.grantId ? await records.find('Grant', record.grantId) : undefined
          const { rejected } = (grant?.payload ?? {}) as { readonly rejected?: { openid?: { scope?: string } } }
          return parseScope(rejected?.openid?.scope)
        })
      }
      return record
    },
    findByUid: async (uid) => seen(options, model, await records.findByUid(model, uid)),
    findByUserCode: async () => undefined,
    async consume(id) {
      try {
        await records.consume(model, id)
      } catch (error) {
        const record = error instanceof AlreadyConsumedError ? await records.find(model, id) : undefined
        if (!record || !isInGrace(options, model, record)) throw error
        // a take-over is the winner's second try
        if (!isTakingOver()) throw new AlreadyRedeemedError(record.payload)
      }
    },
    destroy: (id) => records.destroy(model, id),
    revokeByGrantId: (grantId) => records.revokeByGrant(grantId),
  }
}

function indexes(model: string, { uid, grantId, accountId }: AdapterPayload) {
  const isUse = accountId && USES_OF_GRANTS.has(model)
  return { ...(uid && { uid }), ...(grantId && { grantId }), ...(isUse && { accountId }) }
}

/**
 * The record as the engine may see it now: see {@link CONSUMED_HIDDEN_MS}. What was redeemed within the grace looks unused
 * on every route, so that every check of a request comes out as before; consume() then leads to the answer that was given.
 */
function seen(options: AdapterOptions, model: string, record: StoredRecord | undefined): AdapterPayload | undefined {
  if (!record) return undefined
  const { consumed: _, ...payload } = record.payload as AdapterPayload
  if (record.consumedAt === undefined) return payload
  if (isInGrace(options, model, record) || sinceUse(options, record) < CONSUMED_HIDDEN_MS) return payload
  return { ...payload, consumed: Math.floor(record.consumedAt / 1000) }
}

function isInGrace(options: AdapterOptions, model: string, record: StoredRecord): boolean {
  return ANSWERED_AGAIN.has(model) && sinceUse(options, record) < options.reuseGrace * 1000
}

/** In milliseconds, from either side: what was used long before the clock was set back must not look just used. */
function sinceUse({ clock }: AdapterOptions, { consumedAt }: StoredRecord): number {
  return consumedAt === undefined ? Number.POSITIVE_INFINITY : Math.abs(clock() - consumedAt)
}

/** Lifetimes that were made shorter count for what was issued before, too: somebody may have had a reason. */
function createRefreshTokenAdapter(options: AdapterOptions): Adapter {
  const base = createRecordAdapter(options, 'RefreshToken')
  return {
    ...base,
    async find(id) {
      const token = await base.find(id)
      const client = context()?.oidc.client
      if (!token?.iat || !token.exp || !client) return token
      const lifetime = refreshLifetime(options.lifetimes, client, token.gty?.includes('device_code') ?? false)
      return { ...token, exp: Math.min(token.exp, token.iat + lifetime) }
    },
  }
}

function createDeviceCodeAdapter(options: AdapterOptions): Adapter {
  const { store } = options
  const base = createRecordAdapter(options, 'DeviceCode')
  return {
    ...base,
    async upsert(id, payload, expiresIn) {
      if (currentRoute() === 'device_authorization') return createDeviceCode(store, id, payload, expiresIn ?? 0)
      // The engine writes any trouble on the way onto the code, which would end it. Only a refusal is meant to.
      if (payload.error !== undefined && payload.error !== 'access_denied') return
      // Entered, and nobody signed in: nothing is decided, so nothing is bound. Any browser may go on with it.
      if (phaseOf(payload) === 'in_flight' && !isSignedIn()) return
      return store.deviceCodes.update(id, payload as Payload, describe(payload))
    },
    async find(id) {
      const record = await base.find(id)
      if (record && currentRoute() === 'token') return answerPoll(options, id, record)
      if (record && currentRoute() === 'device_resume') return bind(store, id, record)
      return record
    },
    async findByUserCode(userCode) {
      const record = await store.deviceCodes.findByUserCode(userCode)
      const payload = seen(options, 'DeviceCode', record)
      // Whoever entered the code may enter it again until the answer is given: a closed tab must not cost a login.
      if (record?.phase === 'in_flight' && record.owner === sessionUid()) return { ...payload, inFlight: false }
      return payload
    },
  }
}

/**
 * Whoever entered the code comes back from signing in: from here on it is this session's. Of several the first one wins,
 * the others get {@link DeviceCodeStateError}.
 */
async function bind(store: Store, id: string, record: AdapterPayload): Promise<AdapterPayload> {
  if (phaseOf(record) === 'decided' || !isSignedIn()) return record
  const bound = { ...record, inFlight: true }
  await store.deviceCodes.update(id, bound as Payload, describe(bound))
  return bound
}

/** Throws what a poll gets before there is anything to redeem, for the client the code belongs to and for nobody else. */
async function answerPoll(
  { store, clock, deviceInterval, relay, onPollFromElsewhere }: AdapterOptions,
  id: string,
  record: AdapterPayload,
): Promise<AdapterPayload> {
  if (record.clientId !== context()?.oidc.client?.clientId) return record
  if ((record.exp ?? 0) * 1000 <= clock()) return record
  const { ip: askedFrom } = (record.deviceInfo ?? {}) as { ip?: string }
  const polledFrom = context()?.ip ?? ''
  if (askedFrom && networkOf(askedFrom) !== networkOf(polledFrom))
    onPollFromElsewhere({ clientId: record.clientId ?? '', askedFrom, polledFrom })
  // The engine would consume the code with the first refusal and call the next poll an invalid grant.
  if (record.error === 'access_denied') throw new errors.AccessDenied(record.errorDescription as string | undefined)
  if (record.accountId || record.error) return record
  const interval = (await relay?.interval(id)) ?? deviceInterval
  if ((await store.deviceCodes.poll(id, interval)) === 'slow_down')
    throw new errors.SlowDown('wait for the interval, which has grown by 5 seconds')
  return relay ? ((await relay.poll(id, record as Payload)) as AdapterPayload) : record
}

/** Stores a new device code; a user code that another live one has is made again, here and in the engine's model. */
async function createDeviceCode(store: Store, id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
  const model = context()?.oidc.entities.DeviceCode as { userCode?: string } | undefined
  for (let tries = 1; ; tries += 1) {
    try {
      return await store.deviceCodes.create(id, payload as Payload, expiresIn, describe(payload))
    } catch (error) {
      if (!(error instanceof UserCodeTakenError) || tries === USER_CODE_TRIES || !model) throw error
      payload.userCode = randomUserCode()
      model.userCode = payload.userCode
    }
  }
}

function randomUserCode(): string {
  return Array.from({ length: USER_CODE_LENGTH }, () => USER_CODE_ALPHABET[randomInt(USER_CODE_ALPHABET.length)]).join(
    '',
  )
}

function phaseOf({ accountId, error, inFlight }: AdapterPayload): DeviceCodePhase {
  return accountId || error ? 'decided' : inFlight ? 'in_flight' : 'pending'
}

function describe(payload: AdapterPayload): DeviceCodeWrite {
  const phase = phaseOf(payload)
  const owner = phase === 'pending' ? undefined : (sessionUid() ?? 'nobody')
  return {
    userCode: payload.userCode as string,
    phase,
    ...(owner && { owner }),
    ...(payload.grantId && { grantId: payload.grantId }),
  }
}

interface RegisteredClient {
  readonly metadata: AdapterPayload
  /** Whether it came back after it registered. */
  readonly used: boolean
  /** In milliseconds since the epoch. */
  readonly expiresAt: number
}

/** Clients that registered themselves, and how long each is remembered. */
function registeredClients({ store, clock }: AdapterOptions) {
  const put = async (id: string, metadata: AdapterPayload, used: boolean) => {
    const lifetime = used ? CLIENT_LIFETIME : NEVER_USED_LIFETIME
    const client: RegisteredClient = { metadata, used, expiresAt: clock() + lifetime * 1000 }
    await store.records.put('Client', id, { ...client }, lifetime)
  }
  const load = async (id: string) => {
    const client = (await store.records.find('Client', id))?.payload as unknown as RegisteredClient | undefined
    return client && client.expiresAt > clock() ? client : undefined
  }
  return {
    /** Returns whether there was one of this id. */
    async save(id: string, metadata: AdapterPayload) {
      const known = await load(id)
      await put(id, metadata, known?.used ?? false)
      return known !== undefined
    },
    async find(id: string) {
      const client = await load(id)
      if (!client) return undefined
      const renewedAt = client.expiresAt - CLIENT_LIFETIME * 1000
      if (client.used && clock() - renewedAt > CLIENT_RENEWAL_MS) await put(id, client.metadata, true)
      return client.metadata
    },
    /** A person granted it something. Merely being asked for keeps nobody: anybody can ask. */
    async markUsed(id: string) {
      const client = await load(id)
      if (client && !client.used) await put(id, client.metadata, true)
    },
  }
}

function createClientAdapter(options: AdapterOptions): Adapter {
  const { findStaticClient, unverified } = options
  const registered = registeredClients(options)
  return {
    ...createRecordAdapter(options, 'Client'),
    async upsert(id, payload) {
      const wasKnown = await registered.save(id, withHashedSecret(payload as ClientMetadata) as AdapterPayload)
      const request = context()?.req
      if (wasKnown && request) noteRepetition(request)
    },
    async find(id) {
      const known = findStaticClient(id)
      if (known) return known as AdapterPayload
      if (!unverified) throw new errors.InvalidClient('only clients that the operator registered are known here')
      if (!isDocumentId(id)) return registered.find(id)
      if (!unverified.documents)
        throw new errors.InvalidClient('client metadata documents are not read here: register instead')
      return (await unverified.documents.find(id)) as AdapterPayload
    },
  }
}

/**
 * A session gets another id at sign-in. The engine deletes the old one first: where the store goes away in between, the
 * browser would have none, and a device code that it had entered would be nobody's. Here the new one comes first.
 */
function createSessionAdapter(options: AdapterOptions): Adapter {
  const base = createRecordAdapter(options, 'Session')
  const replacedId = () => (context()?.oidc.session as { readonly oldId?: string } | undefined)?.oldId
  return {
    ...base,
    async destroy(id) {
      if (id !== replacedId()) await base.destroy(id)
    },
    async upsert(id, payload, expiresIn) {
      await base.upsert(id, payload, expiresIn)
      const old = replacedId()
      if (old !== undefined) await base.destroy(old)
    },
  }
}

function createGrantAdapter(options: AdapterOptions): Adapter {
  const base = createRecordAdapter(options, 'Grant')
  const registered = registeredClients(options)
  return {
    ...base,
    async upsert(id, payload, expiresIn) {
      await base.upsert(id, payload, expiresIn)
      if (payload.clientId) await registered.markUsed(payload.clientId)
    },
  }
}

function translated(adapter: Adapter): Adapter {
  const wrap =
    <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await run(...args)
      } catch (error) {
        throw inEngineWords(error)
      }
    }
  return Object.fromEntries(Object.entries(adapter).map(([name, run]) => [name, wrap(run)])) as unknown as Adapter
}

function context(): KoaContextWithOIDC | undefined {
  return Provider.ctx as KoaContextWithOIDC | undefined
}

function currentRoute(): string | undefined {
  return context()?.oidc.route
}

function isSignedIn(): boolean {
  return Boolean(context()?.oidc.session?.accountId)
}

function sessionUid(): string | undefined {
  return context()?.oidc.session?.uid
}
