// The scopes of Gatehouse's own MCP server. Other resources bring their own (see resources.ts).

const descriptions = {
  'mcp:tools:read': 'See the list of tools and what they offer',
  'mcp:tools:call': 'Run tools for you',
  'mcp:tools:notify': 'Send you notifications while it works',
} as const

/** What OpenID Connect Core §5.4 lets an app learn of a person. */
const personal = {
  profile: 'See your name and picture',
  email: 'See your e-mail address',
} as const

const words: Readonly<Record<string, string>> = { ...descriptions, ...personal }

/** Every scope of the MCP server, in the order in which they are shown. */
export const mcpScopes: readonly string[] = Object.keys(descriptions)

/** Those that tell an app about the person rather than let it do something. */
export const personalScopes: readonly string[] = Object.keys(personal)

/** What a client gets that asks for no scope, and what the 401 challenge names: many clients never step up. */
export const defaultScopes: readonly string[] = ['mcp:tools:read', 'mcp:tools:call']

const implied: Readonly<Record<string, readonly string[]>> = { 'mcp:tools:call': ['mcp:tools:read'] }

/**
 * A scope in words for the person who is asked to grant it; the scope itself where there are none. `own`: those of a
 * resource, which can say nothing else of our scopes.
 */
export function describeScope(scope: string, own: Readonly<Record<string, string>> = {}): string {
  const found = [words, own].find((each) => Object.hasOwn(each, scope))
  return found?.[scope] ?? scope
}

/** Splits an RFC 6749 §3.3 scope string; an absent or empty one has no scopes. */
export function parseScope(scope: string | undefined): ReadonlySet<string> {
  return new Set(scope?.split(' ').filter(Boolean))
}

/**
 * The granted scopes and those they imply. For the resource server alone: tokens carry what was granted, never what
 * it implies.
 */
export function effectiveScopes(granted: Iterable<string>): ReadonlySet<string> {
  const scopes = [...granted]
  return new Set([...scopes, ...scopes.flatMap((scope) => implied[scope] ?? [])])
}
