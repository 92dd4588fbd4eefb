// What a caller does with a source, as far as the policy lets them.
import type { Source, SourceCaller, SourceTool } from '../sources/source.ts'
import { nameIn } from './message.ts'
import type { Policy } from './policy.ts'

/** Of a request, or a notification; an answer to something that we asked has no method. */
export interface Operation {
  readonly method: string
  /** What it calls, if there is a tool of that name. */
  readonly tool: SourceTool | undefined
  /** Whether the answer stays open, so that it is counted. */
  readonly staysOpen: boolean
  /** What it needs. */
  readonly scopes: readonly string[]
  /** Whether the caller may do it at all, with whatever scopes. */
  readonly isOpenTo: boolean
}

export interface Operations {
  find(message: Message, caller: SourceCaller): Promise<Operation>
  /** The tools on a caller's list. */
  toolsFor(caller: SourceCaller): Promise<readonly SourceTool[]>
}

export interface Message {
  readonly method?: string
  readonly params?: unknown
}

export function createOperations(source: Source, policy: Policy): Operations {
  return {
    async find(message, caller) {
      const { method } = message
      const tool = method === 'tools/call' ? await findTool(source, nameIn(message)) : undefined
      return {
        method: method ?? '',
        tool,
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
