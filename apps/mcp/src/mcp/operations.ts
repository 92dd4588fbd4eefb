// What a caller does with a source, as far as the policy lets them.
import type { Tool } from '@modelcontextprotocol/server'
import type { Source, SourceCaller, SourceTool } from '../sources/source.ts'
import { nameIn } from './message.ts'
import type { Policy } from './policy.ts'
import type { ServedRequest } from './served.ts'

/** Of a request, or a notification; an answer to something that we asked has no method. */
export interface Operation {
  readonly method: string
  /** As clients are told of what it calls, if there is a tool of that name and it matters. */
  readonly tool: Pick<Tool, 'name' | 'inputSchema'> | undefined
  /** Whether the answer stays open, so that it is counted. */
  readonly staysOpen: boolean
  /** What it needs. */
  readonly scopes: readonly string[]
  /** Whether the caller may do it at all, with whatever scopes. */
  readonly isOpenTo: boolean
}

export interface Operations {
  /** `request`: who calls, and with what. */
  find(message: Message, request: ServedRequest): Promise<Operation>
}

export interface SourceOperations extends Operations {
  /** The tools on a caller's list. */
  toolsFor(caller: SourceCaller): Promise<readonly SourceTool[]>
}

export interface Message {
  readonly method?: string
  readonly params?: unknown
}

export function createOperations(source: Source, policy: Policy): SourceOperations {
  return {
    async find(message, { caller }) {
      const { method } = message
      const tool = method === 'tools/call' ? await findTool(source, nameIn(message)) : undefined
      return {
        method: method ?? '',
        tool: tool?.definition,
        staysOpen: method === 'subscriptions/listen' || tool?.terms.isLong === true,
        scopes: method === undefined ? [] : policy.scopesFor(method, tool?.terms),
        isOpenTo: !tool || policy.mayCall(tool.terms, caller),
      }
    },

    toolsFor: async (caller) => (await source.listTools()).filter(({ terms }) => policy.isListed(terms, caller)),
  }
}

export async function findTool(source: Source, name: unknown): Promise<SourceTool | undefined> {
  return (await source.listTools()).find(({ definition }) => definition.name === name)
}
