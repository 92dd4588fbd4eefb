// A transport of Streamable HTTP, and JSON-RPC over it: one for each call, and one for the stream that a session has besides.
import type { RemoteUpstream } from '../settings.ts'
import { passedHeaders } from './connection.ts'
import { type Behalf, UpstreamError } from './contract.ts'
import type { Identity } from './envelope.ts'
import { type GuardedHttp, targetOf } from './guarded-http.ts'
import { countingIds, createPeer, type Peer, type PeerOptions } from './peer.ts'
import { createReopening } from './reopening.ts'
import { createStreamableTransport, type StreamableTransport } from './streamable-transport.ts'

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
  readonly http: GuardedHttp
  readonly onerror: (error: Error) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

export interface Connected {
  readonly transport: StreamableTransport
  readonly peer: Peer
}

/** For whom, of a behalf: what each request over it says. */
export type Asker = Pick<Behalf, 'owner' | 'granted' | 'headers'>

export type HttpConnector = (asker: Asker, shared: Shared, listening?: Listening) => Connected

export function createHttpConnector({ settings, identity, http, onerror, clock }: ConnectorOptions): HttpConnector {
  const { name } = settings
  const target = targetOf(settings.url)

  return function connect(asker: Asker, shared: Shared, { onlistening, onover }: Listening = {}) {
    const { sessionId, protocolVersion, ...own } = shared
    const transport = createStreamableTransport({
      http,
      target,
      caller: asker,
      headers: passedHeaders(settings, asker.headers),
      sessionId,
      protocolVersion,
      reopening: () => createReopening(clock),
      onfault: (error) => peer.fail(error),
      onlistening,
      onover() {
        onover?.()
        peer.fail(new UpstreamError(name, 'interrupted', `${name} broke off and has no more of it: it may have run`))
        void peer.close()
      },
    })
    const isStreaming = () => transport.isStreaming
    const peer: Peer = createPeer({ ...own, name, transport, identity, onerror, isStreaming })
    return { transport, peer }
  }
}
