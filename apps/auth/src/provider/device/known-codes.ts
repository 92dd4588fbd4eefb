// Device codes whose polls the engine has answered with `authorization_pending`, in this process: what it judged, and what
// that rests on. While nothing of that has changed it would judge the same again, so short-polls.ts need not ask it.
//
// A code is here under a digest. What is here is of no use to anybody else: it has no secret, and nothing is granted by it.
import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { ClientMetadata } from 'oidc-provider'
import type { Payload, StampedRecord } from '../../store/contract.ts'
import { isDecided } from './poll-outcome.ts'

/** More than there can be live codes at once (limits/matrix.ts), at a few hundred bytes each. */
const remembered = 10_000

export interface KnownCode {
  readonly clientId: string
  /** As it was when the engine let it poll: it is another object once the operator's file was read again. */
  readonly client: ClientMetadata
  /** Of the stored code. */
  readonly stamp: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** The address that asked for it. */
  readonly askedFrom?: string | undefined
  /** What it asks for. */
  readonly resource?: string | undefined
}

export interface KnownCodes {
  find(deviceCode: string): KnownCode | undefined
  /** To be called before the engine judges this request, which asks for nothing but the state of a code. */
  expect(request: IncomingMessage, clientId: string): void
  /** The engine let this request poll the code, for which nobody has decided. No-op but for those that are expected. */
  learn(request: IncomingMessage, deviceCode: string): Promise<void>
}

export interface KnownCodesOptions {
  readonly findStaticClient: (clientId: string) => ClientMetadata | undefined
  readonly findStamped: (deviceCode: string) => Promise<StampedRecord | undefined>
}

/** Of clients that the operator registered, and that prove nothing: all others are looked up in the store each time. */
export function createKnownCodes({ findStaticClient, findStamped }: KnownCodesOptions): KnownCodes {
  const known = new Map<string, KnownCode>()
  const expected = new WeakMap<IncomingMessage, ClientMetadata>()
  const keyOf = (deviceCode: string) => hash('sha256', deviceCode, 'base64url')

  return {
    find: (deviceCode) => known.get(keyOf(deviceCode)),

    expect(request, clientId) {
      const client = findStaticClient(clientId)
      if (client?.token_endpoint_auth_method === 'none') expected.set(request, client)
    },

    async learn(request, deviceCode) {
      const client = expected.get(request)
      if (!client) return
      const record = await findStamped(deviceCode)
      const code = record && describe(record)
      // the engine looked the client up between the two
      if (!code || code.clientId !== client.client_id || findStaticClient(code.clientId) !== client) return
      const key = keyOf(deviceCode)
      known.delete(key)
      known.set(key, { ...code, client })
      const [oldest] = known.keys()
      if (known.size > remembered && oldest !== undefined) known.delete(oldest)
    },
  }
}

/** Undefined for a code that is not as simple as one for which nobody has decided. */
function describe({ payload, stamp, consumedAt }: StampedRecord): Omit<KnownCode, 'client'> | undefined {
  const { clientId, exp, params, expiresWithSession, consumed } = payload
  if (typeof clientId !== 'string' || typeof exp !== 'number') return undefined
  if (isDecided(payload) || expiresWithSession || consumed || consumedAt !== undefined) return undefined
  const resource = payload.resource ?? (params as Payload | undefined)?.resource
  const { ip } = (payload.deviceInfo ?? {}) as { readonly ip?: string }
  return {
    clientId,
    stamp,
    expiresAt: exp * 1000,
    ...(ip && { askedFrom: ip }),
    ...(typeof resource === 'string' && { resource }),
  }
}
