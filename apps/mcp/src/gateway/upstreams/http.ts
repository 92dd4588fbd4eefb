// Streamable HTTP. 2026-07-28: each request stands alone. The 2025 era: a session for its owner, if the server wants one; each
// call has a transport of its own over the session's id, so that a question says which call it is about.
import { setTimeout as sleep } from 'node:timers/promises'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { digest } from '../digest.ts'
import { createRecent } from '../recent.ts'
import type { RemoteUpstream } from '../settings.ts'
import { type Connection, filterFor, type OpenConnection, ownBehalf, passedHeaders } from './connection.ts'
import { type Behalf, type Description, type Members, type Notification, RpcError, UpstreamError } from './contract.ts'
import type { Identity } from './envelope.ts'
import { SessionLostError } from './faults.ts'
import type { GuardedFetch } from './guarded-fetch.ts'
import { discover, initialize } from './negotiate.ts'
import { countingIds, createPeer, type Peer, type PeerOptions } from './peer.ts'
import { createReopening } from './reopening.ts'
import { createSubscriptions } from './subscriptions.ts'

export interface HttpOptions {
  readonly settings: RemoteUpstream
  readonly identity: Identity
  readonly http: GuardedFetch
  readonly onerror: (error: Error) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** Milliseconds. After that an upstream is asked again of which era it is: it may have been renewed. */
const verdictLife = 3_600_000
/** Milliseconds for an upstream to say which era it is of: an older one may say nothing at all. */
const probeLimit = 5_000
/** Milliseconds that what an upstream of 2026-07-28 says of itself is believed. */
const descriptionLife = 60_000
/** Milliseconds for an upstream to open the stream of a session in, or to say that there is none. */
const listenLimit = 2_000
/** Milliseconds for an upstream to end a session in. */
const endLimit = 2_000
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
  /** It has its stream, or knows that there is none. */
  readonly onlistening?: () => void
  /** It had a stream, which is over for good. */
  readonly onover?: () => void
}

/** What the transports of one session have in common; of 2026-07-28 each request has its own. */
interface Shared extends Pick<PeerOptions, 'calls' | 'hearUnasked' | 'nextId'> {
  readonly sessionId?: string | undefined
  readonly protocolVersion?: string | undefined
}

function unshared(hearUnasked: Shared['hearUnasked'] = () => undefined): Shared {
  return { calls: new Set(), hearUnasked, nextId: countingIds() }
}

export function createHttpOpener({ settings, identity, http, onerror, clock }: HttpOptions): OpenConnection {
  const { name, url, timeouts } = settings
  /** By what an upstream is told of a client: it may say something else to each. Without a description: the older era. */
  const verdicts = createRecent<{ readonly description: Description | undefined; readonly at: number }>(1_000)
  const toldOf = (headers: Behalf['headers']) => digest(passedHeaders(settings, headers))

  function connect(headers: Behalf['headers'], shared: Shared, { onlistening, onover }: Listening = {}) {
    const fetch = http.fetchFor((error) => peer.fail(error))
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
      requestInit: { headers: passedHeaders(settings, headers) },
      reconnectionOptions: reconnection,
      reconnectionScheduler: createReopening(clock),
      ...(sessionId !== undefined && { sessionId }),
      ...(protocolVersion !== undefined && { protocolVersion }),
    })
    const peer: Peer = createPeer({ ...own, name, transport, identity, onerror, isStreaming: () => isStreaming })
    return { transport, peer }
  }

  /** One request over a transport of its own. */
  async function alone<T>(
    headers: Behalf['headers'],
    run: (peer: Peer) => Promise<T>,
    shared: Shared = unshared(),
  ): Promise<T> {
    const { peer } = connect(headers, shared)
    await peer.start()
    try {
      return await run(peer)
    } catch (error) {
      // no session was named, so that none can be lost
      if (error instanceof SessionLostError && shared.sessionId === undefined)
        throw error.said ?? new UpstreamError(name, 'invalid', `${name} answered with ${error.message}`)
      throw error
    } finally {
      await peer.close()
    }
  }

  async function findModern(behalf: Behalf): Promise<Description | undefined> {
    const told = toldOf(behalf.headers)
    const known = verdicts.get(told)
    if (known && clock() - known.at < (known.description ? descriptionLife : verdictLife)) return known.description
    const asker = ownBehalf(behalf, behalf.signal)
    // What a client says of itself has no part in it: the verdict counts for others, too.
    const terms = { behalf: asker, capabilities: {}, limit: Math.min(probeLimit, timeouts.list) }
    try {
      const description = await alone(behalf.headers, (peer) => discover(peer, terms))
      verdicts.set(told, { description, at: clock() })
      return description
    } catch (error) {
      // it may know the older greeting; of which era it is nobody knows by that
      if (error instanceof UpstreamError && error.fault === 'timeout' && !behalf.signal.aborted) return undefined
      throw error
    }
  }

  function openModern(description: Description, behalf: Behalf): Connection {
    return {
      description,
      async request(request, on, terms) {
        try {
          return await alone(on.headers, (peer) => peer.request(request, { ...terms, behalf: on, era: '2026' }))
        } catch (error) {
          // it is asked again of which era it is, once its connection is forgotten: see upstream.ts
          if (error instanceof RpcError || error instanceof UpstreamError) verdicts.delete(toldOf(behalf.headers))
          throw error
        }
      },
      notify: async () => undefined, // 2026-07-28 has none that a client sends over HTTP
      async listen(resources, hear, signal, ready) {
        const filter = filterFor(description, resources)
        if (Object.keys(filter).length === 0) {
          ready?.()
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
          return
        }
        const listener = (notification: Notification) => {
          if (notification.method === 'notifications/subscriptions/acknowledged') ready?.()
          else hear(notification)
        }
        const asker = { ...ownBehalf(behalf, signal), hear: listener }
        const terms = { era: '2026', behalf: asker, capabilities: {}, limit: 2_147_483_647 } as const
        const params = { notifications: filter }
        await alone(
          behalf.headers,
          (peer) => peer.request({ method: 'subscriptions/listen', params }, terms),
          unshared(listener),
        )
      },
      close: async () => undefined,
    }
  }

  async function openLegacy(behalf: Behalf, capabilities: Members): Promise<Connection> {
    const subscriptions = createSubscriptions(
      (method, uri) =>
        request({ method, params: { uri } }, ownBehalf(behalf, AbortSignal.timeout(timeouts.list)), {
          capabilities,
          limit: timeouts.list,
        }),
      onerror,
    )
    const listening = Promise.withResolvers<void>()
    const shared = unshared(subscriptions.hear)
    const own = { onlistening: listening.resolve, onover: () => lose() }
    const { transport, peer } = connect(behalf.headers, shared, own)
    await peer.start()
    let description: Description
    try {
      const setVersion = (version: string) => transport.setProtocolVersion(version)
      const terms = { behalf: ownBehalf(behalf, behalf.signal), capabilities, limit: timeouts.list, setVersion }
      description = await initialize(peer, terms, { identity, name })
    } catch (error) {
      await peer.close()
      verdicts.delete(toldOf(behalf.headers))
      if (error instanceof SessionLostError)
        throw new UpstreamError(
          name,
          'invalid',
          `${name} is no MCP server: it answered initialize with ${error.message}`,
        )
      throw error
    }
    // Its own stream has to be there before a call: what is asked on it while it is not is lost.
    if (transport.sessionId !== undefined)
      await Promise.race([listening.promise, sleep(listenLimit, undefined, { ref: false })])
    const session: Shared = { ...shared, sessionId: transport.sessionId, protocolVersion: transport.protocolVersion }

    let isLost = false
    /** There is nothing to be ended there any more, and others may still be at work. */
    function lose(): void {
      isLost = true
      connection.onclose?.()
    }

    const request: Connection['request'] = async (wanted, on, terms) => {
      try {
        return await alone(on.headers, (one) => one.request(wanted, { ...terms, behalf: on, era: '2025' }), session)
      } catch (error) {
        isLost ||= error instanceof SessionLostError
        throw error
      }
    }
    const connection: Connection = {
      description: { ...description, hasSession: transport.sessionId !== undefined },
      request,
      notify: (notification) => alone(behalf.headers, (one) => one.notify(notification), session),
      listen: subscriptions.listen,
      async close() {
        subscriptions.end()
        if (!isLost) {
          const ended = transport.terminateSession().catch(() => undefined)
          await Promise.race([ended, sleep(endLimit, undefined, { ref: false })])
        }
        await peer.close()
      },
    }
    return connection
  }

  return async function open(behalf, capabilities) {
    const description = await findModern(behalf)
    return description ? openModern(description, behalf) : openLegacy(behalf, capabilities)
  }
}
