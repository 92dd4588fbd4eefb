/** How deep a body may be nested: far more than a tool needs, far less than the stack of what reads it afterwards. */
const maxDepth = 64

/** How many members and elements a body may have in all. What the SDK does for 10 000 takes some 50 ms. */
const maxValues = 10_000

/** What {@link isOneMessage} asks for, for the one who sent something else. */
export const messageRule = `the body must be one request or notification, at most ${maxDepth} levels deep and of at most ${maxValues} values`

/**
 * Whether a parsed body is one JSON-RPC request or notification, as far as we have to know before the SDK judges the
 * rest. MCP has had no batches since 2025-06-18, and one message is one thing to authorize.
 */
export function isOneMessage(body: unknown): body is { readonly method: string; readonly params?: unknown } {
  return isObject(body) && 'method' in body && typeof body.method === 'string' && isModest(body)
}

/** Whether a parsed body is an answer to something that we asked. We only ask in a session. */
export function isAnswer(body: unknown): boolean {
  return isObject(body) && !('method' in body) && ('result' in body || 'error' in body) && isModest(body)
}

/** What an answer to it has to name; null for what asks for none. */
export function idOf(body: unknown): string | number | null {
  const id = isObject(body) && 'id' in body ? body.id : null
  return typeof id === 'string' || typeof id === 'number' ? id : null
}

/** What a request calls by name, which is where tools and prompts have theirs. */
export function nameIn({ params }: { readonly params?: unknown }): unknown {
  return isObject(params) && 'name' in params ? params.name : undefined
}

/** Walks level by level, without recursion: the body is a stranger's. */
function isModest(body: unknown): boolean {
  let level = [body]
  let values = 0
  for (let depth = 0; level.length > 0; depth += 1) {
    values += level.length
    if (depth > maxDepth || values > maxValues) return false
    level = level.flatMap((parent) => (isObject(parent) || Array.isArray(parent) ? Object.values(parent) : []))
  }
  return true
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member of its own, whatever the parent is. */
export function memberOf(parent: unknown, name: string): unknown {
  return isObject(parent) && Object.hasOwn(parent, name) ? (parent as Record<string, unknown>)[name] : undefined
}
