// A transport of Streamable HTTP, and JSON-RPC over it: one for each call, and one for the stream that a session has besides.
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { RemoteUpstream } from '../settings.ts'
import { passedHeaders } from './connection.ts'
import { type Behalf, UpstreamError } from './contract.ts'
import type { Identity } from './envelope.ts'
import type { GuardedFetch } from './guarded-fetch.ts'
import { countingIds, createPeer, type Peer, type PeerOptions } from './peer.ts'
import { createReopening } from './reopening.ts'

/** What says that there is no stream of that kind (any more). */
const isOver = (status: number): boolean => [400, 404, 405, 410].includes(status)
/** A stream that an upstream breaks is opened again for as long as somebody listens. */
const reconnection = {
  initialReconnectionDelay: 1_000,
  maxReconnectionDelay: 30_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 1_000_000,
}

interface Listening {
  /** It has its stream, or knows that it gets none. */
  readonly onlistening?: () => void
  /** It had a stream, which is over for good. */
  readonly onover?: () => void
}

/** What the transports of one session have in common; of 2026-07-28 each request has its own. */
export interface Shared extends Pick<PeerOptions, 'calls' | 'hearUnasked' | 'nextId'> {
  readonly sessionId?: string | undefined
  readonly protocolVersion?: string | undefined
}

/** `lastId`: ids that another process may have used in the same session. */
export function unshared(hearUnasked: Shared['hearUnasked'] = () => undefined, lastId?: number): Shared {
  return { calls: new Set(), hearUnasked, nextId: countingIds(lastId) }
}

export interface ConnectorOptions {
  readonly settings: RemoteUpstream
  readonly identity: Identity
  readonly http: GuardedFetch
  readonly onerror: (error: Error) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

export interface Connected {
  readonly transport: StreamableHTTPClientTransport
  readonly peer: Peer
}

/** For whom, of a behalf: what each request over it says. */
export type Asker = Pick<Behalf, 'owner' | 'granted' | 'headers'>

export type HttpConnector = (asker: Asker, shared: Shared, listening?: Listening) => Connected

export function createHttpConnector({ settings, identity, http, onerror, clock }: ConnectorOptions): HttpConnector {
  const { name, url } = settings

  return function connect(asker: Asker, shared: Shared, { onlistening, onover }: Listening = {}) {
    const fetch = http.fetchFor(
      (error) => peer.fail(error),
      () => asker,
    )
    const { sessionId, protocolVersion, ...own } = shared
    let isStreaming = false

    /** Of the stream that there is besides, or the rest of one that broke. */
    async function listen(address: string | URL, init: RequestInit): Promise<Response> {
      try {
        const response = await fetch(address, init)
        const isResumed = new Headers(init.headers).has('last-event-id')
        if (isOver(response.status) && (isResumed || isStreaming)) {
          onover?.()
          peer.fail(new UpstreamError(name, 'interrupted', `${name} broke off and has no more of it: it may have run`))
          await peer.close()
        }
        isStreaming ||= response.ok
        return response
      } finally {
        onlistening?.()
      }
    }

    async function post(address: string | URL, init: RequestInit): Promise<Response> {
      const response = await fetch(address, init)
      isStreaming = response.headers.get('content-type')?.startsWith('text/event-stream') === true
      return response
    }

    const transport = new StreamableHTTPClientTransport(new URL(url), {
      fetch: (address, init = {}) => (init.method === 'GET' ? listen(address, init) : post(address, init)),
      requestInit: { headers: passedHeaders(settings, asker.headers) },
      reconnectionOptions: reconnection,
      reconnectionScheduler: createReopening(clock),
      ...(sessionId !== undefined && { sessionId }),
      ...(protocolVersion !== undefined && { protocolVersion }),
    })
    const peer: Peer = createPeer({ ...own, name, transport, identity, onerror, isStreaming: () => isStreaming })
    return { transport, peer }
  }
}
