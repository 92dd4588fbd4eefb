/** Operations that a valid token alone opens: they tell nothing but that the server is there. */
const open = new Set(['initialize', 'ping', 'server/discover'])

/**
 * What a method needs besides a valid token. Everything that is not known to be open needs at least to read; what a
 * tool needs is asked of that tool when it is called (see server.ts).
 */
export function scopesFor(method: string): readonly string[] {
  if (open.has(method) || method.startsWith('notifications/') || method === 'tools/call') return []
  return ['mcp:tools:read']
}
