// Device codes: compare-and-set from pending to decided, polled at an interval (RFC 8628 §3.5).
import { type Adapter, type AdapterPayload, errors, type TokenEndpointGrantContext } from 'oidc-provider'
import { StoreUnavailableError } from '../../errors.ts'
import { giveRoomBack } from '../../limits/bodies-under-way.ts'
import { networkOf } from '../../limits/network.ts'
import type { DeviceCodePhase, DeviceCodeWrite, Payload, Store } from '../../store/contract.ts'
import { isDecided, isDecidedNow, slowDown } from '../device/poll-outcome.ts'
import { begunOf } from '../device/short-polls.ts'
import { isDuring, redemption } from '../operation.ts'
import type { AdapterOptions } from './options.ts'
import { createRedeemableAdapter } from './redeemable.ts'
import { isSignedIn, sessionUid } from './request.ts'
import { withFreeUserCode } from './user-codes.ts'
import { seen } from './visibility.ts'

export function createDeviceCodeAdapter(options: AdapterOptions): Adapter {
  const { store } = options
  const base = createRedeemableAdapter(options, 'DeviceCode')
  return {
    ...base,
    async upsert(id, payload, expiresIn) {
      if (isDuring('ask_by_device'))
        return withFreeUserCode(payload, () =>
          // the engine says it in seconds
          store.deviceCodes.create(id, payload as Payload, (expiresIn ?? 0) * 1000, describe(payload)),
        )
      // The engine writes any trouble on the way onto the code, which would end it. Only a refusal is meant to.
      if (payload.error !== undefined && payload.error !== 'access_denied') return
      // Entered, and nobody signed in: nothing is decided, so nothing is bound. Any browser may go on with it.
      if (phaseOf(payload) === 'in_flight' && !isSignedIn()) return
      return store.deviceCodes.update(id, payload as Payload, describe(payload))
    },
    async find(id) {
      const record = await base.find(id)
      const poll = redemption()
      if (record && poll) return answerPoll(options, record, { id, by: poll, findAgain: () => base.find(id) })
      if (record && isDuring('bind_device')) return bind(store, id, record)
      return record
    },
    async findByUserCode(userCode) {
      const record = await store.deviceCodes.findByUserCode(userCode)
      const payload = seen(options, 'DeviceCode', record)
      // Anyone who entered the code may enter it again until the answer is given: a closed tab must not cost a login.
      if (record?.phase === 'in_flight' && record.owner === sessionUid()) return { ...payload, inFlight: false }
      return payload
    },
  }
}

/**
 * Anyone who entered the code comes back from signing in: from here on it is this session's. Of several the first one wins,
 * the others get {@link DeviceCodeStateError}.
 */
async function bind(store: Store, id: string, record: AdapterPayload): Promise<AdapterPayload> {
  if (phaseOf(record) === 'decided' || !isSignedIn()) return record
  const bound = { ...record, inFlight: true }
  await store.deviceCodes.update(id, bound as Payload, describe(bound))
  return bound
}

type Found = Awaited<ReturnType<Adapter['find']>>

interface Poll {
  readonly id: string
  readonly by: TokenEndpointGrantContext
  readonly findAgain: () => Promise<Found>
}

/**
 * Throws what a poll gets before there is anything to redeem. To the client that the code belongs to: redeemable.ts. May
 * take as long as a poll is held: device/held-polls.ts.
 */
async function answerPoll(
  options: AdapterOptions,
  record: AdapterPayload,
  { id, by, findAgain }: Poll,
): Promise<Found> {
  const { clock, deviceInterval, relay, heldPolls, knownCodes, onPollFromElsewhere } = options
  const begun = begunOf(by.req)
  const life = (record.exp ?? 0) * 1000 - clock()
  if (life <= 0) return record
  const { ip: askedFrom } = (record.deviceInfo ?? {}) as { ip?: string }
  const network = networkOf(by.ip)
  if (askedFrom && networkOf(askedFrom) !== network && !begun?.isTold)
    onPollFromElsewhere({ clientId: record.clientId ?? '', askedFrom, polledFrom: by.ip })
  if (isDecided(record)) return decided(record)
  const interval = await relay?.interval(id)
  if (relay && interval !== undefined) {
    // held by nobody: it is GitHub that knows, and it is asked at its own pace
    refuseEarly(await options.store.deviceCodes.poll(id, interval * 1000, 0))
    return (await relay.poll(id, record as Payload, by)) as AdapterPayload
  }
  // it may have been noted: asked again, it would be too early
  if (begun?.failure !== undefined) throw begun.failure
  const outcome = await heldPolls.answer({
    deviceCode: id,
    clientId: record.clientId ?? '',
    network,
    size: () => sizeOf(by),
    life,
    interval: deviceInterval * 1000,
    isDecided: () => isDecidedNow(options.store.records, id),
    onHeld: () => giveRoomBack(by.req),
    onHungUp(run) {
      if (by.res.destroyed) run()
      by.res.once('close', run)
      return () => by.res.off('close', run)
    },
  })
  refuseEarly(outcome)
  if (outcome === 'undecided') {
    await knownCodes?.learn(by.req, id).catch(unlessAway)
    return record
  }
  const now = await findAgain()
  // what would be redeemed now would reach nobody
  if (by.res.destroyed) return record
  return now && decided(now)
}

function sizeOf({ req, oidc }: TokenEndpointGrantContext): number {
  return req.rawHeaders.join('').length + JSON.stringify(oidc.body ?? '').length
}

function refuseEarly(outcome: string): void {
  if (outcome === 'early') throw slowDown()
}

function unlessAway(error: unknown): void {
  if (!(error instanceof StoreUnavailableError)) throw error
}

/** The engine would consume the code with the first refusal and call the next poll an invalid grant. */
function decided(record: AdapterPayload): AdapterPayload {
  if (record.error === 'access_denied') throw new errors.AccessDenied(record.errorDescription as string | undefined)
  return record
}

function phaseOf(payload: AdapterPayload): DeviceCodePhase {
  return isDecided(payload) ? 'decided' : payload.inFlight ? 'in_flight' : 'pending'
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
