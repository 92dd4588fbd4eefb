// A connection to Redis that only listens, as Redis wants it.

import { type ClientOptions, closeClient, createListeningClient, reconnect } from './redis-client.ts'
import { isReply } from './redis-errors.ts'

/** Milliseconds. A connection to a Redis that hangs stays open and silent: so it is asked, and given up without an answer. */
const heartbeat = 3_000
/** How long it is, in milliseconds, until it asks again to listen where Redis refuses it. */
const refusedPause = 1_000

export interface RedisChannels {
  /** Resolves when what is said there is heard from now on, or there is no connection to hear it over. */
  subscribe(channel: string): Promise<void>
  unsubscribe(channel: string): void
  /** Whether what is said on every channel that was subscribed is heard now, for all that is known. */
  isHearing(): boolean
  close(): Promise<void>
}

export interface RedisChannelsOptions extends ClientOptions {
  readonly onMessage: (channel: string, message: Buffer) => void
  /** The connection is back, and what was said meanwhile was missed. */
  readonly onResumed: () => void
  /** Redis may be talked to and does not let us listen, as an account without channels. For the log. */
  readonly onRefusal?: ((error: Error) => void) | undefined
}

export function openRedisChannels(options: RedisChannelsOptions): RedisChannels {
  const { onMessage, onResumed, onRefusal } = options
  const wanted = new Set<string>()
  const heard = new Set<string>()
  const redis = createListeningClient(options)
  redis.on('messageBuffer', (channel: Buffer, message: Buffer) => onMessage(channel.toString(), message))
  redis.on('close', () => heard.clear())
  redis.on('ready', () => {
    if (wanted.size > 0) void listen([...wanted], onResumed)
  })
  async function listen(channels: readonly string[], onHeard?: () => void): Promise<void> {
    try {
      await redis.subscribe(...channels)
      for (const channel of channels) heard.add(channel)
      onHeard?.()
    } catch (error) {
      if (!isReply(error)) return reconnect(redis)
      onRefusal?.(error)
      setTimeout(() => {
        const still = channels.filter((channel) => wanted.has(channel) && !heard.has(channel))
        if (redis.status === 'ready' && still.length > 0) void listen(still, onResumed)
      }, refusedPause).unref()
    }
  }
  const beating = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(() => undefined)
  }, heartbeat).unref()
  return {
    async subscribe(channel) {
      wanted.add(channel)
      // Without a connection: 'ready' will see to it.
      if (redis.status === 'ready') await listen([channel])
    },
    isHearing: () => [...wanted].every((channel) => heard.has(channel)),
    unsubscribe(channel) {
      wanted.delete(channel)
      heard.delete(channel)
      if (redis.status === 'ready') redis.unsubscribe(channel).catch(() => undefined)
    },
    close: () => {
      clearInterval(beating)
      return closeClient(redis)
    },
  }
}
