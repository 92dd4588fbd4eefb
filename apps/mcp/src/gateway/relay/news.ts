// What clients hear without having asked: that lists changed, that a resource did. One of 2026-07-28 listens; one of the 2025 era
// has a session, which hears for as long as it is used.
import type { SessionNews } from '@gatehouse/mcp-sessions'
import type { ServerEvent, ServerEventBus } from '@modelcontextprotocol/server'
import type { Catalog, FoundResource } from '../catalog/contract.ts'
import { createJoined } from '../joined.ts'
import type { Behalf, Notification, Upstream } from '../upstreams/contract.ts'

export interface News {
  /** For one stream of `subscriptions/listen`. */
  busFor(behalf: Behalf, resources: readonly string[]): ServerEventBus
  /** A session of the 2025 era was used: it hears of lists from now on. */
  used(session: SessionNews, behalf: Behalf): void
  /** False: it has as many subscriptions as it may have, or the address is too long. */
  subscribe(session: SessionNews, uri: string, found: Found, behalf: Behalf): boolean
  unsubscribe(session: SessionNews, uri: string): void
  /** A session of the 2025 era is over: what listens for it would keep its connections. */
  ended(key: string): void
  close(): void
}

export interface NewsOptions {
  readonly catalog: Catalog
  /** Whether somebody may hear of a resource. Asked each time: it may change. */
  readonly isOpenTo: (found: Found, behalf: Behalf) => boolean
  readonly onerror: (error: Error) => void
  /**
   * Milliseconds without a request after which a session of the 2025 era hears no more: of lists, so that its connections may
   * end, and of what it subscribed to.
   */
  readonly quiet: { readonly lists: number; readonly subscriptions: number }
}

interface Hearing {
  /** For whom its last request was: groups and scopes come and go. */
  behalf: Behalf
  readonly stopWatching: () => void
  stopLists: (() => void) | undefined
  readonly timers: Set<NodeJS.Timeout>
  /** By the upstream's name. */
  readonly subscribed: Map<string, Subscribed>
}

type Found = Pick<FoundResource, 'upstream' | 'uri'>

/** What a client calls each resource, by the upstream's own URI. */
type Uris = ReadonlyMap<string, string>

interface Subscribed {
  readonly uris: Uris
  readonly upstream: Upstream
  readonly behalf: Behalf
  stop(): void
}

const events = {
  tools: 'tools_list_changed',
  prompts: 'prompts_list_changed',
  resources: 'resources_list_changed',
} as const
/** Of one session, or one stream. */
const mostSubscriptions = 200
/** Characters. */
const longestUri = 2_048

export function createNews({ catalog, isOpenTo, onerror, quiet }: NewsOptions): News {
  const sessions = new Map<string, Hearing>()

  function forget(key: string): void {
    const hearing = sessions.get(key)
    if (!hearing) return
    for (const timer of hearing.timers) clearTimeout(timer)
    sessions.delete(key)
    hearing.stopWatching()
    hearing.stopLists?.()
    for (const { stop } of hearing.subscribed.values()) stop()
  }

  /** What is on its way already is not said again before it is there; what comes meanwhile is said once more, after it. */
  const join = createJoined()
  function tell(session: SessionNews, notification: Notification): void {
    const key = `${session.key} ${notification.method} ${notification.params?.uri ?? ''}`
    join(key, async () => {
      if (!sessions.has(session.key)) return
      await session.announce(notification).then((isOpen) => isOpen || forget(session.key), onerror)
    })
  }

  function begin(session: SessionNews, behalf: Behalf): Hearing {
    // it may be ended on another replica
    const stopWatching = session.onEnd(() => forget(session.key))
    return { behalf, stopWatching, stopLists: undefined, timers: new Set(), subscribed: new Map() }
  }

  function touched(session: SessionNews, behalf: Behalf): Hearing {
    const { key } = session
    const hearing = sessions.get(key) ?? begin(session, behalf)
    hearing.behalf = behalf
    sessions.set(key, hearing)
    for (const timer of hearing.timers) clearTimeout(timer)
    hearing.timers.clear()
    hearing.timers.add(setTimeout(() => stopLists(hearing), quiet.lists).unref())
    hearing.timers.add(setTimeout(() => forget(key), quiet.subscriptions).unref())
    return hearing
  }

  function stopLists(hearing: Hearing): void {
    hearing.stopLists?.()
    hearing.stopLists = undefined
  }

  /** One listener for all of one upstream. The new one is there before the old one ends, so that nothing is missed. */
  function listenTo(
    session: SessionNews,
    hearing: Hearing,
    of: Omit<Subscribed, 'stop'>,
    before: Subscribed | undefined,
  ): void {
    const { uris, upstream, behalf } = of
    const { subscribed } = hearing
    const hear = ({ method, params }: Notification) => {
      const uri = updatedIn({ method, params }, uris)
      if (uri !== undefined && isOpenTo({ upstream, uri: params?.uri }, hearing.behalf))
        tell(session, { method, params: { ...params, uri } })
    }
    const stop = uris.size > 0 && upstream.listen(behalf, [...uris.keys()], hear)
    if (stop) subscribed.set(upstream.settings.name, { ...of, stop })
    else subscribed.delete(upstream.settings.name)
    before?.stop()
  }

  async function byUpstream(resources: readonly string[], behalf: Behalf): Promise<Map<Upstream, Uris>> {
    const all = new Map<Upstream, Uris>()
    for (const uri of resources.filter(({ length }) => length <= longestUri).slice(0, mostSubscriptions)) {
      const found = await catalog.findResource(uri, behalf)
      if (found && isOpenTo(found, behalf))
        all.set(found.upstream, new Map([...(all.get(found.upstream) ?? []), [found.uri, uri]]))
    }
    return all
  }

  return {
    busFor(behalf, resources) {
      return {
        publish: () => undefined,
        subscribe(listener: (event: ServerEvent) => void) {
          const stops = [catalog.watch(behalf, '2026', (kind) => listener({ kind: events[kind] }))]
          let isOver = false
          byUpstream(resources, behalf).then((all) => {
            for (const [upstream, uris] of isOver ? [] : all) {
              const hear = (notification: Notification) => {
                const uri = updatedIn(notification, uris)
                const own = notification.params?.uri
                if (uri !== undefined && isOpenTo({ upstream, uri: own }, behalf))
                  listener({ kind: 'resource_updated', uri })
              }
              stops.push(upstream.listen(behalf, [...uris.keys()], hear))
            }
          }, onerror)
          return () => {
            isOver = true
            for (const stop of stops) stop()
          }
        },
      }
    },

    used(session, behalf) {
      const hearing = touched(session, behalf)
      const changed = (kind: keyof typeof events) => tell(session, { method: `notifications/${kind}/list_changed` })
      hearing.stopLists ??= catalog.watch(behalf, '2025', changed)
    },

    subscribe(session, uri, { upstream, uri: own }, behalf) {
      const hearing = touched(session, behalf)
      const before = hearing.subscribed.get(upstream.settings.name)
      if (before?.uris.get(own) === uri) return true
      const count = [...hearing.subscribed.values()].reduce((sum, { uris }) => sum + uris.size, 0)
      if (count >= mostSubscriptions || uri.length > longestUri) return false
      listenTo(session, hearing, { uris: new Map([...(before?.uris ?? []), [own, uri]]), upstream, behalf }, before)
      return true
    },

    unsubscribe(session, uri) {
      const hearing = sessions.get(session.key)
      const before = [...(hearing?.subscribed.values() ?? [])].find(({ uris }) => [...uris.values()].includes(uri))
      if (!hearing || !before) return
      const uris = new Map([...before.uris].filter(([, shown]) => shown !== uri))
      listenTo(session, hearing, { ...before, uris }, before)
    },

    ended: forget,

    close() {
      for (const key of [...sessions.keys()]) forget(key)
    },
  }
}

/** What the client calls the resource that changed. */
function updatedIn({ method, params }: Notification, uris: Uris): string | undefined {
  return method === 'notifications/resources/updated' ? uris.get(params?.uri) : undefined
}
