// A connection to Redis that only listens, as Redis wants it.

import { type ClientOptions, closeClient, createListeningClient, reconnect } from './redis-client.ts'

/** Milliseconds. A connection to a Redis that hangs stays open and silent: so it is asked, and given up without an answer. */
const heartbeat = 3_000

export interface RedisChannels {
  /** Resolves when what is said there is heard from now on, or there is no connection to hear it over. */
  subscribe(channel: string): Promise<void>
  unsubscribe(channel: string): void
  close(): Promise<void>
}

export interface RedisChannelsOptions extends ClientOptions {
  readonly onMessage: (channel: string, message: Buffer) => void
  /** The connection is back, and what was said meanwhile was missed. */
  readonly onResumed: () => void
}

export function openRedisChannels({ onMessage, onResumed, ...options }: RedisChannelsOptions): RedisChannels {
  const wanted = new Set<string>()
  const redis = createListeningClient(options)
  redis.on('messageBuffer', (channel: Buffer, message: Buffer) => onMessage(channel.toString(), message))
  redis.on('ready', () => {
    if (wanted.size > 0) redis.subscribe(...wanted).then(onResumed, () => reconnect(redis))
  })
  const beating = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(() => undefined)
  }, heartbeat).unref()
  return {
    async subscribe(channel) {
      wanted.add(channel)
      // Without a connection: 'ready' will see to it.
      if (redis.status === 'ready') await redis.subscribe(channel).catch(() => reconnect(redis))
    },
    unsubscribe(channel) {
      wanted.delete(channel)
      if (redis.status === 'ready') redis.unsubscribe(channel).catch(() => undefined)
    },
    close: () => {
      clearInterval(beating)
      return closeClient(redis)
    },
  }
}
