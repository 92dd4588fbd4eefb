// What a request through the gateway needs besides a valid token, where no rule says more: see rules/. And what counts as one
// where the file limits how often somebody may ask: see limits/.

import { lookings } from './upstreams/methods.ts'

/** They tell nothing but that the gateway is there. */
const open = new Set(['initialize', 'ping', 'server/discover', 'logging/setLevel'])
const reading = new Set([...lookings, 'subscriptions/listen'])
/** A client without these loses its connection, or what it knows, and often for good. They ask servers for little or nothing. */
const uncounted = new Set([...open, 'subscriptions/listen', ...lookings.filter((method) => method.endsWith('/list'))])

/**
 * The scopes of a request: what nobody has heard of may do anything, so it needs what a call needs. `isRequest`: it has an id,
 * whatever it is called.
 */
export function scopesFor(method: string | undefined, isRequest: boolean): readonly string[] {
  if (method === undefined || open.has(method) || (!isRequest && method.startsWith('notifications/'))) return []
  return [reading.has(method) ? 'mcp:tools:read' : 'mcp:tools:call']
}

/** Whether a request counts. Notifications and answers to our questions do not: with a call they belong to they were counted. */
export function isCounted(method: string | undefined, isRequest: boolean): boolean {
  return method !== undefined && isRequest && !uncounted.has(method)
}
