// Streamable HTTP. 2026-07-28: each request stands alone. The 2025 era: a session for its owner, if the server wants one; each
// call has a transport of its own over the session's id, so that a question says which call it is about.
import { setTimeout as sleep } from 'node:timers/promises'
import { SdkHttpError } from '@modelcontextprotocol/client'
import { digest } from '../digest.ts'
import { createRecent } from '../recent.ts'
import { type Connection, filterFor, type OpenConnection, ownBehalf, passedHeaders } from './connection.ts'
import { type Behalf, type Description, type Members, type Notification, RpcError, UpstreamError } from './contract.ts'
import { SessionLostError } from './faults.ts'
import {
  type Asker,
  type Connected,
  type ConnectorOptions,
  createHttpConnector,
  type Shared,
  unshared,
} from './http-connector.ts'
import { discover, initialize, within } from './negotiate.ts'
import type { Peer } from './peer.ts'
import type { SavedSessions } from './saved-sessions.ts'
import { createSubscriptions } from './subscriptions.ts'

export interface HttpOptions extends ConnectorOptions {
  /** Where there are other processes that may go on with a session. */
  readonly sessions?: SavedSessions | undefined
}

/** Milliseconds. After that an upstream is asked again of which era it is: it may have been renewed. */
const verdictLife = 3_600_000
/** Milliseconds for an upstream to say which era it is of: an older one may say nothing at all. */
const probeLimit = 5_000
/** Milliseconds that what an upstream of 2026-07-28 says of itself is believed. */
const descriptionLife = 60_000
/** Milliseconds for an upstream to open the stream of a session in, or to say that it has none. */
const listenLimit = 2_000
/** Milliseconds for an upstream to end a session in. */
const endLimit = 2_000
interface Begun extends Connected {
  readonly description: Description
}

/** A session of the 2025 era that is to be had. */
interface Asked {
  readonly behalf: Behalf
  readonly capabilities: Members
  readonly key: string
  readonly shared: Shared
  /** Its stream is over for good. */
  readonly onover: () => void
}

export function createHttpOpener({ settings, identity, http, sessions, onerror, clock }: HttpOptions): OpenConnection {
  const { name, timeouts } = settings
  /** By what an upstream is told of a caller: it may say something else to each. Without a description: the older era. */
  const verdicts = createRecent<{ readonly description: Description | undefined; readonly at: number }>(1_000)
  const connect = createHttpConnector({ settings, identity, http, onerror, clock })
  const toldOf = ({ owner, headers }: Asker) =>
    digest([passedHeaders(settings, headers), settings.identity ? { ...owner, session: null } : null])

  /** One request over a transport of its own. */
  async function alone<T>(asker: Asker, run: (peer: Peer) => Promise<T>, shared: Shared = unshared()): Promise<T> {
    const { peer } = connect(asker, shared)
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
    const told = toldOf(behalf)
    const known = verdicts.get(told)
    if (known && clock() - known.at < (known.description ? descriptionLife : verdictLife)) return known.description
    const asker = ownBehalf(behalf, behalf.signal)
    // What a client says of itself has no part in it: the verdict counts for others, too.
    const terms = { behalf: asker, capabilities: {}, limit: Math.min(probeLimit, timeouts.list) }
    try {
      const description = await alone(behalf, (peer) => discover(peer, terms))
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
          return await alone(on, (peer) => peer.request(request, { ...terms, behalf: on, era: '2026' }))
        } catch (error) {
          // it is asked again of which era it is, once its connection is forgotten: see upstream.ts
          if (error instanceof RpcError || error instanceof UpstreamError) verdicts.delete(toldOf(behalf))
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
          behalf,
          (peer) => peer.request({ method: 'subscriptions/listen', params }, terms),
          unshared(listener),
        )
      },
      close: async () => undefined,
    }
  }

  /** Whom the upstream knows by a session that another process began. Undefined: no such session (any more). */
  async function goOn({ behalf, capabilities, key, shared, onover }: Asked): Promise<Begun | undefined> {
    const saved = await sessions?.get(key)
    if (!saved) return undefined
    const { sessionId, description } = saved
    const session = { ...shared, sessionId, protocolVersion: description.protocolVersion }
    const { transport, peer } = connect(behalf, session, { onover })
    try {
      const asker = ownBehalf(behalf, behalf.signal)
      const terms = { era: '2025', behalf: asker, capabilities, limit: timeouts.list } as const
      await alone(behalf, (one) => one.request({ method: 'ping' }, terms), session)
      await peer.start()
      await listenOn(transport)
      return { transport, peer, description }
    } catch (error) {
      onerror(error as Error)
      await peer.close()
      await sessions?.remove(key)
      return undefined
    }
  }

  /** Its own stream, which one process has at a time: who had it may have been stopped, and hold it still. */
  async function listenOn(transport: Connected['transport']): Promise<void> {
    try {
      await transport.listen()
    } catch (error) {
      if (!isTaken(error)) throw error
      const again = () => listenOn(transport).catch((late: Error) => void (late.name === 'AbortError' || onerror(late)))
      setTimeout(again, listenLimit).unref()
    }
  }

  async function begin({ behalf, capabilities, key, shared, onover }: Asked): Promise<Begun> {
    const listening = Promise.withResolvers<void>()
    const own = { onlistening: listening.resolve, onover }
    const { transport, peer } = connect(behalf, shared, own)
    await peer.start()
    let description: Description
    try {
      const setVersion = (version: string) => transport.setProtocolVersion(version)
      const terms = { behalf: ownBehalf(behalf, behalf.signal), capabilities, limit: timeouts.list, setVersion }
      description = await initialize(peer, terms, { identity, name })
    } catch (error) {
      await peer.close()
      verdicts.delete(toldOf(behalf))
      if (error instanceof SessionLostError)
        throw new UpstreamError(
          name,
          'invalid',
          `${name} is no MCP server: it answered initialize with ${error.message}`,
        )
      throw error
    }
    const { sessionId } = transport
    if (sessionId === undefined) return { transport, peer, description }
    await sessions?.put(key, { sessionId, description: { ...description, hasSession: true } })
    // Its own stream has to be there before a call: what is asked on it while it is not is lost.
    await Promise.race([listening.promise, sleep(listenLimit, undefined, { ref: false })])
    return { transport, peer, description: { ...description, hasSession: true } }
  }

  async function openLegacy(behalf: Behalf, capabilities: Members, key: string): Promise<Connection> {
    const subscriptions = createSubscriptions(
      (method, uri) =>
        request({ method, params: { uri } }, ownBehalf(behalf, AbortSignal.timeout(timeouts.list)), {
          capabilities,
          limit: timeouts.list,
        }),
      onerror,
    )
    const shared = unshared(subscriptions.hear, sessions && clock())
    let isLost = false
    /** There is nothing to be ended there any more, and others may still be at work. */
    function lose(): void {
      isLost = true
      connection.onclose?.()
    }
    const asked: Asked = { behalf, capabilities, key, shared, onover: () => lose() }
    const { transport, peer, description } = (await goOn(asked)) ?? (await begin(asked))
    const session: Shared = { ...shared, sessionId: transport.sessionId, protocolVersion: transport.protocolVersion }

    const request: Connection['request'] = async (wanted, on, terms) => {
      try {
        return await alone(on, (one) => one.request(wanted, { ...terms, behalf: on, era: '2025' }), session)
      } catch (error) {
        isLost ||= error instanceof SessionLostError
        throw error
      }
    }
    const connection: Connection = {
      description,
      request,
      notify: (notification) => alone(behalf, (one) => within(name, timeouts.list, one.notify(notification)), session),
      listen: subscriptions.listen,
      async close() {
        subscriptions.end()
        if (description.hasSession) await sessions?.remove(key)
        if (!isLost) {
          const ended = transport.endSession().catch(() => undefined)
          await Promise.race([ended, sleep(endLimit, undefined, { ref: false })])
        }
        await peer.close()
      },
      async leave() {
        subscriptions.end()
        await peer.close()
      },
    }
    return connection
  }

  return async function open(behalf, capabilities, key) {
    const description = await findModern(behalf)
    return description ? openModern(description, behalf) : openLegacy(behalf, capabilities, key)
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof SdkHttpError && (error.data as { readonly status?: number } | undefined)?.status === 409
}
