// What a request through the gateway needs besides a valid token, where no rule says more: see rules/.

import { lookings } from './upstreams/methods.ts'

/** They tell nothing but that the gateway is there. */
const open = new Set(['initialize', 'ping', 'server/discover', 'logging/setLevel'])
const reading = new Set([...lookings, 'subscriptions/listen'])

/**
 * The scopes of a request: what nobody has heard of may do anything, so it needs what a call needs. `isRequest`: it has an id,
 * whatever it is called.
 */
export function scopesFor(method: string | undefined, isRequest: boolean): readonly string[] {
  if (method === undefined || open.has(method) || (!isRequest && method.startsWith('notifications/'))) return []
  return [reading.has(method) ? 'mcp:tools:read' : 'mcp:tools:call']
}
