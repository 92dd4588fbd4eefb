// What goes wrong with the Redis of a service, as one closed set of events, and how it is told in the log: the same in both
// services. A store on SQLite has none of these.
import type { RedisConnectionOptions } from './redis-connection.ts'
import { seldom } from './seldom.ts'

/**
 * - `outage`: the connection is lost or cannot be made
 * - `refusal`: Redis answers and cannot do what it is asked to: full, read-only, loading
 * - `eviction`: Redis drops data when it is full, by its `maxmemory-policy`
 * - `uncopied`: there is no replica to copy what a failover must not forget
 */
export type StoreTrouble =
  | { readonly kind: 'outage'; readonly error: Error }
  | { readonly kind: 'refusal'; readonly error: Error }
  | { readonly kind: 'eviction'; readonly policy: string }
  | { readonly kind: 'uncopied' }

export type OnTrouble = (event: StoreTrouble) => void

/** For a connection: each kind is told once a minute at most, rather than at every attempt. */
export function redisTroubles(
  onTrouble: OnTrouble,
): Required<Pick<RedisConnectionOptions, 'onConnectionError' | 'onRefusal' | 'onEviction' | 'onUncopied'>> {
  return {
    onConnectionError: seldom((error: Error) => onTrouble({ kind: 'outage', error })),
    onRefusal: seldom((error: Error) => onTrouble({ kind: 'refusal', error })),
    onEviction: seldom((policy: string) => onTrouble({ kind: 'eviction', policy })),
    onUncopied: seldom(() => onTrouble({ kind: 'uncopied' })),
  }
}

interface Log {
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** Tells an operator. */
export function logTrouble(log: Log, event: StoreTrouble): void {
  if (event.kind === 'outage') log.error({ err: event.error }, 'Redis cannot be reached; trying again')
  else if (event.kind === 'refusal') {
    log.error({ reason: event.error.message }, 'Redis answers, and cannot do what it is asked to')
  } else if (event.kind === 'eviction') {
    const { policy } = event
    log.warn({ policy }, 'Redis drops sessions and tokens when it is full: set its maxmemory-policy to noeviction')
  } else log.warn({}, 'there is no replica of Redis: a failover now would forget what was used')
}
