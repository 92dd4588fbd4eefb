// One connection that carries everything of its owner: a command over stdio, HTTP+SSE. Of an older server a question does not
// say which call it is about: the last one of that owner is asked.
import { SseError, type Transport } from '@modelcontextprotocol/client'
import { type Connection, filterFor, type OpenConnection, ownBehalf } from './connection.ts'
import { type Behalf, type Description, type Era, type Notification, UpstreamError } from './contract.ts'
import type { Identity } from './envelope.ts'
import { faultOf } from './faults.ts'
import { discover, initialize, within } from './negotiate.ts'
import { countingIds, createPeer, type Peer, type RequestTerms } from './peer.ts'
import type { PeerCall } from './questions.ts'
import { createSubscriptions } from './subscriptions.ts'

export interface WireOptions {
  readonly name: string
  readonly identity: Identity
  /** Milliseconds for the question of which era it is, for a handshake, which a command may begin late, and for the rest. */
  readonly limits: { readonly probe: number; readonly start: number; readonly list: number }
  /** HTTP+SSE is of the older era always. */
  readonly era: Era | 'ask'
  /** `caller`: who asked for something over it last. */
  connect(caller: () => Behalf, onfault: (error: UpstreamError) => void): Transport
  readonly onerror: (error: Error) => void
}

interface Opened {
  readonly peer: Peer
  readonly transport: Transport
  readonly calls: Set<PeerCall>
  readonly state: { hear(notification: Notification): void; ended(): void; isOver: boolean }
}

export function createWireOpener({
  name,
  identity,
  limits,
  era: given,
  connect,
  onerror,
}: WireOptions): OpenConnection {
  let verdict: Era | 'ask' = given

  async function start(caller: () => Behalf): Promise<Opened> {
    const state = { hear: () => undefined, ended: () => undefined, isOver: false } as Opened['state']
    const transport = connect(caller, (error) => peer.fail(error))
    const calls = new Set<PeerCall>()
    let isStarted = false
    const peer = createPeer({
      name,
      transport,
      identity,
      nextId: countingIds(),
      calls,
      hearUnasked: (notification) => state.hear(notification),
      onerror(error) {
        onerror(error)
        // a stream that broke is another session when it is back: what waits for an answer here waits in vain
        if (isStarted && error instanceof SseError) void peer.close().catch(onerror)
      },
      onclose: () => {
        state.isOver = true
        state.ended()
      },
    })
    await within(name, limits.start, peer.start()).catch(async (error: Error) => {
      await peer.close().catch(onerror)
      throw startFault(name, error)
    })
    isStarted = true
    return { peer, transport, calls, state }
  }

  /** Asked in the words of 2026-07-28 first. One that ends at the question is started again and greeted in the older way. */
  async function negotiate(caller: () => Behalf, terms: Omit<RequestTerms, 'era'>): Promise<[Opened, Description]> {
    let opened = await start(caller)
    try {
      if (verdict !== '2025') {
        const found = await discover(opened.peer, { ...terms, limit: limits.probe }).catch((error) => {
          const fault = error instanceof UpstreamError ? error.fault : undefined
          // one that says nothing may not be up yet, or not know what to say: it hears the older greeting, too
          if (terms.behalf.signal.aborted || (fault !== 'timeout' && fault !== 'interrupted')) throw error
          return fault
        })
        if (typeof found === 'object') {
          verdict = '2026'
          return [opened, found]
        }
        if (found === 'interrupted') {
          await opened.peer.close()
          opened = await start(caller)
        }
      }
      const setVersion = (version: string) => opened.transport.setProtocolVersion?.(version)
      const description = await initialize(opened.peer, { ...terms, setVersion }, { identity, name })
      verdict = '2025'
      return [opened, description]
    } catch (error) {
      await opened.peer.close().catch(onerror)
      verdict = given
      throw error
    }
  }

  return async function open(behalf, capabilities) {
    const terms = { behalf: ownBehalf(behalf, behalf.signal), capabilities, limit: limits.start }
    let latest = behalf
    const [{ peer, state }, description] = await negotiate(() => latest, terms)
    const { era } = description
    const own = (signal: AbortSignal) => ({ era, capabilities, behalf: ownBehalf(behalf, signal) })
    const subscriptions = createSubscriptions(
      (method, uri) =>
        peer.request({ method, params: { uri } }, { ...own(AbortSignal.timeout(limits.list)), limit: limits.list }),
      onerror,
    )
    state.hear = subscriptions.hear
    const connection: Connection = {
      description: { ...description, hasSession: true },
      request(request, on, given) {
        latest = on
        return peer.request(request, { ...given, behalf: on, era })
      },
      notify: async (notification) => {
        if (era === '2025') await within(name, limits.list, peer.notify(notification))
      },
      async listen(resources, hear, signal, ready) {
        if (era === '2025') return subscriptions.listen(resources, hear, signal, ready)
        const filter = filterFor(description, resources)
        const listening = subscriptions.listen([], hear, signal, ready)
        if (Object.keys(filter).length === 0) return listening
        const params = { notifications: filter }
        const asked = peer.request({ method: 'subscriptions/listen', params }, { ...own(signal), limit: 2_147_483_647 })
        await Promise.race([listening, asked])
      },
      async close() {
        subscriptions.end()
        await peer.close()
      },
    }
    state.ended = () => {
      subscriptions.end()
      connection.onclose?.()
    }
    if (state.isOver) throw new UpstreamError(name, 'interrupted', `${name} ended as soon as it was started`)
    return connection
  }
}

/** Nothing was sent yet. */
function startFault(name: string, error: Error): Error {
  const told = faultOf(name, error)
  if (!(error instanceof SseError)) return told
  if (error.code === 401 || error.code === 403) {
    return new UpstreamError(
      name,
      'unauthorized',
      `${name} refuses the gateway's credential: its operator has to mend that`,
    )
  }
  const isThere = error.code !== undefined || /content type/i.test(error.message)
  if (isThere) return new UpstreamError(name, 'invalid', `${name} is no server of HTTP+SSE`, { cause: error })
  return new UpstreamError(name, 'unreachable', `${name} cannot be reached`, { cause: error })
}
