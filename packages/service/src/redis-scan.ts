// Names of keys, a few at a time, over every node that holds data. Redis promises that what is there all the time is met; but a
// place is good only at the process that gave it. So a cursor names the nodes, and counts for these alone.
import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

export interface KeysStep {
  readonly keys: readonly string[]
  /** Where it goes on. Absent: that was all. */
  readonly next?: string
}

const form = /^([\w-]{16})\.(\d{1,4})\.(\d{1,20})$/

/**
 * Looks at about `count` keys from `after` on, or from the beginning. Undefined if `after` is no cursor of these nodes: there was a
 * failover or a restart. While a cluster moves slots, keys that move may be left out.
 */
export async function scanKeys(
  masters: readonly Redis[],
  pattern: string,
  { count, after }: { readonly count: number; readonly after?: string | undefined },
): Promise<KeysStep | undefined> {
  const named = await Promise.all(masters.map(async (node) => ({ node, id: runId(await node.info('server')) })))
  const nodes = named.sort((one, other) => (one.id < other.id ? -1 : 1))
  const ids = nodes.map(({ id }) => id).join()
  const these = createHash('sha256').update(ids).digest('base64url').slice(0, 16)
  const [, of, index, place = '0'] = after === undefined ? ['', these, '0'] : (form.exec(after) ?? [])
  const at = Number(index)
  const node = of === these ? nodes[at]?.node : undefined
  if (!node) return undefined
  const [next, keys] = await node.scan(place, 'MATCH', pattern, 'COUNT', count)
  if (next !== '0') return { keys, next: `${these}.${at}.${next}` }
  return at + 1 < nodes.length ? { keys, next: `${these}.${at + 1}.0` } : { keys }
}

function runId(info: string): string {
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? ''
}
