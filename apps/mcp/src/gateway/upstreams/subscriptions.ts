// Who listens on a connection of the 2025 era, and to which resources it is subscribed for them: once each.
import type { Notification } from './contract.ts'

export interface Subscriptions {
  hear(notification: Notification): void
  /** Until `signal`, or until the connection ends. */
  listen(
    resources: readonly string[],
    hear: (notification: Notification) => void,
    signal: AbortSignal,
    ready?: () => void,
  ): Promise<void>
  end(): void
}

export type Subscribe = (method: 'resources/subscribe' | 'resources/unsubscribe', uri: string) => Promise<unknown>

export function createSubscriptions(subscribe: Subscribe, onerror: (error: Error) => void): Subscriptions {
  const listeners = new Set<(notification: Notification) => void>()
  const counts = new Map<string, number>()
  const ended = new AbortController()

  async function change(uri: string, by: 1 | -1): Promise<void> {
    const before = counts.get(uri) ?? 0
    const now = before + by
    if (now > 0) counts.set(uri, now)
    else counts.delete(uri)
    if (before === 0) await subscribe('resources/subscribe', uri)
    else if (now === 0 && !ended.signal.aborted) await subscribe('resources/unsubscribe', uri)
  }

  return {
    hear: (notification) => {
      for (const hear of listeners) hear(notification)
    },

    async listen(resources, hear, signal, ready) {
      const over = AbortSignal.any([signal, ended.signal])
      if (over.aborted) return
      listeners.add(hear)
      await Promise.all(resources.map((uri) => change(uri, 1).catch(onerror)))
      ready?.()
      if (!over.aborted) await new Promise((resolve) => over.addEventListener('abort', resolve, { once: true }))
      listeners.delete(hear)
      await Promise.all(resources.map((uri) => change(uri, -1).catch(onerror)))
    },

    end: () => ended.abort(),
  }
}
