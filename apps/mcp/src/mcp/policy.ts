// What an operation needs besides a valid token, and what a caller sees of what there is: the one value that says so. It is
// asked in operations.ts, and nowhere else.
import { effectiveScopes } from '@gatehouse/shared'
import type { SourceCaller, ToolTerms } from '../sources/source.ts'

export interface Policy {
  /** The scopes of a request. `terms` are those of the tool that it calls, if there is one of that name. */
  scopesFor(method: string, terms: ToolTerms | undefined): readonly string[]
  /** Whether a caller may call a tool at all, with whatever scopes. */
  mayCall(terms: ToolTerms, caller: SourceCaller): boolean
  /** Whether a tool is on a caller's list. One that is not can be called all the same, and says what it takes. */
  isListed(terms: ToolTerms, caller: SourceCaller): boolean
}

/** Operations that a valid token alone opens: they tell nothing but that the server is there. */
const open = new Set(['initialize', 'ping', 'server/discover', 'logging/setLevel'])

/**
 * To read is to see what could be called with the scope to call; what takes more than that is shown to those who have it.
 * Everything that is not known to be open needs at least to read.
 */
export const policy: Policy = {
  scopesFor(method, terms) {
    if (method === 'tools/call') return terms?.scopes ?? []
    return open.has(method) || method.startsWith('notifications/') ? [] : ['mcp:tools:read']
  },

  mayCall: (terms, caller) => !terms.peopleOnly || !isClientItself(caller),

  isListed(terms, caller) {
    const scopes = effectiveScopes(caller.scopes)
    return (
      policy.mayCall(terms, caller) && terms.scopes.every((scope) => scope === 'mcp:tools:call' || scopes.has(scope))
    )
  },
}

/** A client's own token (RFC 9068 §2.2) has its client_id as subject, which no person can have: see subjects.ts. */
function isClientItself({ subject, clientId }: SourceCaller): boolean {
  return subject === clientId
}
