// What a caller does with a source, as far as the policy lets them.
import type { Source, SourceCaller, SourceTool } from '../sources/source.ts'
import { nameIn } from './message.ts'
import type { Policy } from './policy.ts'
import type { Operations } from './served.ts'

export interface SourceOperations extends Operations {
  /** The tools on a caller's list. */
  toolsFor(caller: SourceCaller): Promise<readonly SourceTool[]>
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
