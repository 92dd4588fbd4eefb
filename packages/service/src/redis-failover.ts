// Sentinels say when another Redis becomes the master. Anyone who does not hear of it goes on with the old one, as long as
// that answers: cut off from the rest it does, and forgets all of it when it is found again.

import type { RedisOptions } from 'ioredis'
import { ioredis } from './ioredis.ts'

const announcements = '+switch-master'
/** Milliseconds. A connection that was cut without a word is noticed by its silence, and made again. */
const heartbeat = 3_000

/** Calls `onFailover` when one of these Sentinels says that `master` is another one by now. Each is its own connection. */
export function watchFailovers(
  sentinels: readonly Omit<RedisOptions, 'replyMapping'>[],
  master: string,
  onFailover: () => void,
): { close(): void } {
  const { Redis } = ioredis()
  const clients = sentinels.map((options) => {
    const client = new Redis({ ...options, lazyConnect: true, autoResubscribe: false })
    // One that is away is no news: the others are there, and who connects to the master asks them all.
    client.on('error', () => undefined)
    client.on('ready', () => void client.subscribe(announcements).catch(() => client.stream?.destroy()))
    client.on('message', (_channel, message) => {
      if (message.split(' ')[0] === master) onFailover()
    })
    client.connect().catch(() => undefined)
    return client
  })
  const beating = setInterval(() => {
    for (const client of clients) if (client.status === 'ready') client.ping().catch(() => undefined)
  }, heartbeat).unref()
  return {
    close: () => {
      clearInterval(beating)
      for (const client of clients) client.disconnect()
    },
  }
}
