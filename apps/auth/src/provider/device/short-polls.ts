// The short way of a poll that is too early or for which nobody has decided: answered in front of the engine, as the engine
// answers (RFC 8628 §3.5). It is open to a request that has nothing in it but the state of a code to ask for, from a client
// that proves nothing, and of which the engine has answered one before (known-codes.ts). Everything else goes to the engine,
// and so does what the store says has changed: it has noted nothing then.
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errors } from 'oidc-provider'
import { giveRoomBack } from '../../limits/bodies-under-way.ts'
import { networkOf } from '../../limits/network.ts'
import { paths } from '../../paths.ts'
import type { Clock, Store } from '../../store/contract.ts'
import type { AdapterOptions } from '../adapters/options.ts'
import { deviceCode as deviceGrant } from '../grants/device-code.ts'
import { formType, mediaType } from '../request-body.ts'
import type { ResourcePolicy } from '../resources.ts'
import type { HeldPolls } from './held-polls.ts'
import type { KnownCode, KnownCodes } from './known-codes.ts'
import { isDecidedNow, slowDown } from './poll-outcome.ts'

export interface ShortPolls {
  /** Returns whether the request was answered. May take as long as a poll is held. */
  answer(request: FastifyRequest, reply: FastifyReply): Promise<boolean>
}

export interface ShortPollsOptions {
  readonly knownCodes: KnownCodes
  readonly findStaticClient: AdapterOptions['findStaticClient']
  readonly heldPolls: HeldPolls
  readonly store: Pick<Store, 'records'>
  readonly resources: ResourcePolicy
  readonly clock: Clock
  /** Seconds between two polls of a device. */
  readonly deviceInterval: number
  readonly onPollFromElsewhere: AdapterOptions['onPollFromElsewhere']
  readonly onAnswer: (grantType: string, error: string) => void
}

/** What was done of a request before it went to the engine after all. */
interface Begun {
  /** The operator was told that the poll came from elsewhere. */
  isTold?: boolean
  /** The store failed, and may have noted the poll. */
  failure?: unknown
}

const begun = new WeakMap<IncomingMessage, Begun>()

/** See {@link Begun}. */
export function begunOf(request: IncomingMessage): Readonly<Begun> | undefined {
  return begun.get(request)
}

export function createShortPolls(options: ShortPollsOptions): ShortPolls {
  const { knownCodes, findStaticClient, heldPolls, store, resources, clock, deviceInterval } = options
  const interval = deviceInterval * 1000
  const pending = createAnswer(new errors.AuthorizationPending())
  const early = createAnswer(slowDown())

  /** Whether all that the engine's judgement rested on is as it was. */
  const stillHolds = (known: KnownCode, { client_id: clientId }: PollForm) =>
    known.clientId === clientId &&
    findStaticClient(clientId) === known.client &&
    known.expiresAt > clock() &&
    (known.resource === undefined || resources.find(known.resource) !== undefined)

  /** Undefined: that is for the engine to answer. */
  async function poll({ request, reply, form, known }: Polled): Promise<Answer | undefined> {
    const { raw, ip } = request
    const response = reply.raw
    const network = networkOf(ip)
    const done: Begun = {}
    const tell = () => {
      const { askedFrom, clientId } = known
      if (done.isTold || !askedFrom || askedFrom === ip || networkOf(askedFrom) === network) return
      done.isTold = true
      options.onPollFromElsewhere({ clientId, askedFrom, polledFrom: ip })
    }
    const outcome = await heldPolls
      .answer({
        deviceCode: form.device_code,
        stamp: known.stamp,
        clientId: known.clientId,
        network,
        size: () => raw.rawHeaders.join('').length + JSON.stringify(form).length,
        life: known.expiresAt - clock(),
        interval,
        isDecided: () => isDecidedNow(store.records, form.device_code),
        onHeld() {
          giveRoomBack(raw)
          tell()
          // what the log has of a device that hangs up: the engine begins with it
          response.statusCode = 404
        },
        onHungUp(run) {
          if (response.destroyed) run()
          response.once('close', run)
          return () => response.off('close', run)
        },
      })
      .catch((failure: unknown) => {
        done.failure = failure
        return 'failed' as const
      })
    if (outcome !== 'moved' && outcome !== 'failed') tell()
    if (outcome === 'early') return early
    const isPending = outcome === 'undecided' || (outcome === 'decided' && response.destroyed)
    if (isPending && known.expiresAt > clock()) return pending
    begun.set(raw, done)
    return undefined
  }

  return {
    async answer(request, reply) {
      const form = readPoll(request)
      if (!form) return false
      const known = knownCodes.find(form.device_code)
      const answer = known && stillHolds(known, form) ? await poll({ request, reply, form, known }) : undefined
      if (!answer) {
        knownCodes.expect(request.raw, form.client_id)
        return false
      }
      options.onAnswer(deviceGrant.name, answer.error)
      send(reply, answer)
      return true
    },
  }
}

interface Polled {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly form: PollForm
  readonly known: KnownCode
}

interface PollForm {
  readonly grant_type: string
  readonly device_code: string
  readonly client_id: string
}

const polled: ReadonlySet<string> = new Set(['grant_type', 'device_code', 'client_id', 'resource'])
/** Headers by which a client proves something, a page asks, or anyone asks for another kind of answer. */
const judged = [
  'authorization',
  'dpop',
  'oauth-client-attestation',
  'oauth-client-attestation-pop',
  'origin',
  'sec-fetch-mode',
  'content-encoding',
] as const
/** What fetch, curl and axios accept by default, and what a client of JSON does. The engine judges all others. */
const accepted: ReadonlySet<string | undefined> = new Set([
  undefined,
  '*/*',
  'application/json',
  'application/json, text/plain, */*',
])

/** Undefined for every request that is anything else, or anything more, than a plain poll. */
function readPoll(request: FastifyRequest): PollForm | undefined {
  const { headers, url } = request.raw
  if (url !== paths.token || !accepted.has(headers.accept) || mediaType(request) !== formType) return undefined
  if (judged.some((name) => headers[name] !== undefined)) return undefined
  const form = (request.body ?? {}) as Readonly<Record<string, unknown>>
  for (const name of Object.keys(form))
    if (!polled.has(name) || typeof form[name] !== 'string' || form[name] === '') return undefined
  const isPoll = form.grant_type === deviceGrant.name && form.device_code !== undefined && form.client_id !== undefined
  return isPoll ? (form as unknown as PollForm) : undefined
}

interface Answer {
  readonly error: string
  readonly headers: readonly string[]
  readonly body: string
}

/** As the engine writes it, in its order. */
function createAnswer({ error, error_description }: errors.OIDCProviderError): Answer {
  const body = JSON.stringify({ error, error_description })
  const headers = {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Expose-Headers': 'WWW-Authenticate',
    'cache-control': 'no-store',
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(body.length),
  }
  return { error, headers: Object.entries(headers).flat(), body }
}

function send(reply: FastifyReply, { headers, body }: Answer): void {
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value)
  reply.hijack()
  reply.raw.writeHead(400, headers as string[])
  reply.raw.end(body)
}
