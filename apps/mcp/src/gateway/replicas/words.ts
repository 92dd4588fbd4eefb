// What a call says before its answer, on its way to the replica that asked for it. What comes while words are under way gathers
// and goes together, so that a talkative call is not slowed by one round trip a word.
import type { Json } from '../upstreams/contract.ts'

export interface Words {
  tell(event: Json): void
  /** Hands over what has gathered: what is sent after this arrives after it. */
  flush(): void
}

export interface WordsOptions {
  readonly send: (events: readonly Json[]) => Promise<void>
  /** Characters that wait to be sent already, of this call and of others. */
  readonly waiting: () => number
}

/** Characters that wait for a replica that reads slowly, after which it is told nothing but questions and answers. */
const mostWaiting = 1_048_576

export function createWords({ send, waiting }: WordsOptions): Words {
  let gathered: Json[] = []
  let size = 0
  let underWay = 0

  function flush(): void {
    if (gathered.length === 0) return
    const events = gathered
    gathered = []
    size = 0
    underWay += 1
    send(events)
      // words are dropped rather than that answers wait for them
      .catch(() => undefined)
      .finally(() => {
        underWay -= 1
        if (underWay === 0) flush()
      })
  }

  return {
    tell(event) {
      const own = JSON.stringify(event).length
      if (waiting() + size > mostWaiting) return
      // together they would be too large for one message, of which the largest event may be one by itself
      if (size + own > mostWaiting) flush()
      gathered.push(event)
      size += own
      if (underWay === 0) flush()
    },
    flush,
  }
}
