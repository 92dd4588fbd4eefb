// What an operation needs besides a valid token, and what a caller sees of what there is.
import { effectiveScopes } from '@gatehouse/shared'
import type { Tool, ToolCaller } from '../tools/tool.ts'

/** Operations that a valid token alone opens: they tell nothing but that the server is there. */
const open = new Set(['initialize', 'ping', 'server/discover', 'logging/setLevel'])

/**
 * What a method needs. Everything that is not known to be open needs at least to read; what a tool needs is asked of
 * that tool when it is called (see server.ts).
 */
export function scopesFor(method: string): readonly string[] {
  if (open.has(method) || method.startsWith('notifications/') || method === 'tools/call') return []
  return ['mcp:tools:read']
}

/**
 * Whether a tool is on a caller's list. To read is to see what could be called with the scope to call; what takes more
 * than that is shown to those who have it. A tool that is not on the list can be called all the same, and answers with
 * what it takes, so that a client that knows of it can step up.
 */
export function isListed(tool: Tool, caller: ToolCaller): boolean {
  const scopes = effectiveScopes(caller.scopes)
  return mayCall(tool, caller) && tool.scopes.every((scope) => scope === 'mcp:tools:call' || scopes.has(scope))
}

/** Whether a caller may call a tool at all, with whatever scopes. */
export function mayCall(tool: Tool, caller: ToolCaller): boolean {
  return !tool.peopleOnly || !isClientItself(caller)
}

/** A client's own token (RFC 9068 §2.2) has its client_id as subject, which no person can have: see subjects.ts. */
function isClientItself({ subject, clientId }: ToolCaller): boolean {
  return subject === clientId
}

/** Whether an answer stays open, so that it is counted. */
export function staysOpen(method: string, tool: Tool | undefined): boolean {
  return method === 'subscriptions/listen' || (method === 'tools/call' && tool?.isLong === true)
}
