// The word that a device code was decided, from whichever process decided it to the one where its device waits. All
// processes listen on one channel, over one connection each; what is said there is the hashed id of a code.

import { openRedisChannels, type RedisConnectionOptions } from '@gatehouse/service'
import { createWatchers } from '../watchers.ts'

export interface RedisDecisions {
  /** Where a decision is told. */
  readonly channel: string
  /** See DeviceCodeStore.watch. */
  watch(hash: string, onNews: () => void): () => void
  close(): Promise<void>
}

/** How often there is news for everybody, in milliseconds, while nothing can be heard. */
const deafPause = 1_000

/** The connection is made when somebody watches first: others have no use for it. */
export function createRedisDecisions(options: RedisConnectionOptions & { readonly prefix: string }): RedisDecisions {
  const channel = `${options.prefix}decided`
  const watchers = createWatchers()
  let listening: { readonly close: () => Promise<void> } | undefined
  let isClosed = false

  function listen() {
    const channels = openRedisChannels({
      ...options,
      onMessage: (_channel, message) => watchers.tell(message.toString()),
      onResumed: watchers.tellAll,
    })
    void channels.subscribe(channel)
    const looking = setInterval(() => {
      if (!channels.isHearing()) watchers.tellAll()
    }, deafPause).unref()
    return {
      async close() {
        clearInterval(looking)
        await channels.close()
      },
    }
  }

  return {
    channel,
    watch(hash, onNews) {
      if (!isClosed) listening ??= listen()
      return watchers.add(hash, onNews)
    },
    async close() {
      isClosed = true
      await listening?.close()
    },
  }
}
