// What clients hear without having asked: that lists changed, that a resource did. One of 2026-07-28 listens; one of the 2025 era
// has a session, which hears for as long as it is used.
import type { SessionNews } from '@gatehouse/mcp-sessions'
import type { ServerEvent, ServerEventBus } from '@modelcontextprotocol/server'
import type { Catalog } from '../catalog/contract.ts'
import type { Behalf, Notification, Upstream } from '../upstreams/contract.ts'

export interface News {
  /** For one stream of `subscriptions/listen`. */
  busFor(behalf: Behalf, resources: readonly string[]): ServerEventBus
  /** A session of the 2025 era was used: it hears of lists from now on. */
  used(session: SessionNews, behalf: Behalf): void
  subscribe(session: SessionNews, uri: string, upstream: Upstream, behalf: Behalf): void
  unsubscribe(session: SessionNews, uri: string): void
  /** A session of the 2025 era is over: what listens for it would keep its connections. */
  ended(key: string): void
  close(): void
}

export interface NewsOptions {
  readonly catalog: Catalog
  readonly onerror: (error: Error) => void
  /**
   * Milliseconds without a request after which a session of the 2025 era hears no more: of lists, so that its connections may
   * end, and of what it subscribed to.
   */
  readonly quiet: { readonly lists: number; readonly subscriptions: number }
}

interface Hearing {
  readonly stops: Map<string, () => void>
  readonly timers: Set<NodeJS.Timeout>
}

const lists = 'lists'

const events = {
  tools: 'tools_list_changed',
  prompts: 'prompts_list_changed',
  resources: 'resources_list_changed',
} as const
/** Of one session. */
const mostSubscriptions = 200

export function createNews({ catalog, onerror, quiet }: NewsOptions): News {
  const sessions = new Map<string, Hearing>()

  function forget(key: string): void {
    const hearing = sessions.get(key)
    if (!hearing) return
    for (const timer of hearing.timers) clearTimeout(timer)
    sessions.delete(key)
    for (const stop of hearing.stops.values()) stop()
  }

  function tell(session: SessionNews, notification: Notification): void {
    session.announce(notification).then((isOpen) => isOpen || forget(session.key), onerror)
  }

  function touched(key: string): Hearing {
    const hearing = sessions.get(key) ?? { stops: new Map(), timers: new Set() }
    sessions.set(key, hearing)
    for (const timer of hearing.timers) clearTimeout(timer)
    hearing.timers.clear()
    hearing.timers.add(setTimeout(() => stopOne(key, lists), quiet.lists).unref())
    hearing.timers.add(setTimeout(() => forget(key), quiet.subscriptions).unref())
    return hearing
  }

  function stopOne(key: string, name: string): void {
    const stops = sessions.get(key)?.stops
    stops?.get(name)?.()
    stops?.delete(name)
  }

  return {
    busFor(behalf, resources) {
      return {
        publish: () => undefined,
        subscribe(listener: (event: ServerEvent) => void) {
          const stops = [catalog.watch(behalf, '2026', (kind) => listener({ kind: events[kind] }))]
          let isOver = false
          for (const uri of resources) {
            const hear = (notification: Notification) => {
              if (isUpdateOf(notification, uri)) listener({ kind: 'resource_updated', uri })
            }
            catalog.findResource(uri, behalf).then((found) => {
              if (found && !isOver) stops.push(found.upstream.listen(behalf, [uri], hear))
            }, onerror)
          }
          return () => {
            isOver = true
            for (const stop of stops) stop()
          }
        },
      }
    },

    used(session, behalf) {
      const { stops } = touched(session.key)
      if (stops.has(lists)) return
      const changed = (kind: keyof typeof events) => tell(session, { method: `notifications/${kind}/list_changed` })
      stops.set(lists, catalog.watch(behalf, '2025', changed))
    },

    subscribe(session, uri, upstream, behalf) {
      const { stops } = touched(session.key)
      const key = `uri ${uri}`
      if (stops.has(key) || stops.size > mostSubscriptions) return
      const hear = (notification: Notification) => {
        if (isUpdateOf(notification, uri)) tell(session, notification)
      }
      stops.set(key, upstream.listen(behalf, [uri], hear))
    },

    unsubscribe: ({ key }, uri) => stopOne(key, `uri ${uri}`),

    ended: forget,

    close() {
      for (const key of [...sessions.keys()]) forget(key)
    },
  }
}

function isUpdateOf({ method, params }: Notification, uri: string): boolean {
  return method === 'notifications/resources/updated' && params?.uri === uri
}
