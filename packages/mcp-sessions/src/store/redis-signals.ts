// What happens to a session, told to anyone who watches it in this process: over one channel for each watched session.

import { openRedisChannels, type RedisConnectionOptions } from '@gatehouse/service'
import type { Listener, SessionKey, SessionStore, Signal } from './contract.ts'

export interface RedisSignals extends Pick<SessionStore, 'watch'> {
  /** Where `c` (changed), `e` (ended) or `m` and a value (mail) is published. */
  channelOf(session: SessionKey): string
  close(): Promise<void>
}

interface Watched {
  readonly listeners: Set<Listener>
  readonly heard: Promise<void>
}

export function createRedisSignals(options: RedisConnectionOptions & { readonly prefix: string }): RedisSignals {
  const watched = new Map<string, Watched>()
  const channelOf = (session: SessionKey) => `${options.prefix}session:${session}`

  const channels = openRedisChannels({
    ...options,
    onMessage: (channel, message) => tell(channel, toSignal(message)),
    onResumed: () => {
      for (const channel of watched.keys()) tell(channel, { kind: 'changed' })
    },
  })

  function tell(channel: string, signal: Signal | undefined): void {
    if (!signal) return
    for (const listener of watched.get(channel)?.listeners ?? []) listener(signal)
  }

  return {
    channelOf,

    async watch(session, listener) {
      const channel = channelOf(session)
      let entry = watched.get(channel)
      if (!entry) {
        entry = { listeners: new Set(), heard: channels.subscribe(channel) }
        watched.set(channel, entry)
      }
      const { listeners, heard } = entry
      listeners.add(listener)
      await heard
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0 || watched.get(channel)?.listeners !== listeners) return
        watched.delete(channel)
        channels.unsubscribe(channel)
      }
    },

    close: () => channels.close(),
  }
}

function toSignal(message: Buffer): Signal | undefined {
  switch (String.fromCharCode(message[0] ?? 0)) {
    case 'c':
      return { kind: 'changed' }
    case 'e':
      return { kind: 'ended' }
    case 'm':
      return { kind: 'mail', value: message.subarray(1) }
    default:
      return undefined
  }
}
