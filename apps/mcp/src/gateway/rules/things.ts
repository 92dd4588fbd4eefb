// What a request is about: the rules of that thing are the rules of the request.
import type { Away, Catalog, FoundResource } from '../catalog/contract.ts'
import { behalfOf, type Client } from '../relay/client.ts'
import type { TaskIds } from '../relay/tasks.ts'
import type { Members } from '../upstreams/contract.ts'
import type { Thing } from './rules.ts'

/** `args`: undefined where the request does not have them. */
export interface About {
  readonly thing: Thing
  readonly args: unknown
}

export const toolOf = ({ upstream, name }: Away): Thing => ({
  kind: 'tools',
  upstream: upstream.settings.name,
  name,
})
export const promptOf = (found: Away): Thing => ({ ...toolOf(found), kind: 'prompts' })
export const resourceOf = ({ upstream, uri }: Pick<FoundResource, 'upstream' | 'uri'>): Thing => ({
  kind: 'resources',
  upstream: upstream.settings.name,
  name: uri,
})
/** Of a task: the tool that it is a call of. */
export const taskOf = ({ upstream, tool = '' }: { readonly upstream: string; readonly tool?: string }): Thing => ({
  kind: 'tools',
  upstream,
  name: tool,
})
/** Of a call or a prompt: without any they are known, too. */
export const argumentsOf = (params: Members): unknown => params.arguments ?? {}

export interface Things {
  /** Undefined: it is about nothing that rules can name, or that there is. `tool`: as it was found, if it was. */
  about(method: string, params: Members, client: Client, tool: Away | undefined): Promise<About | undefined>
}

export function createThings({ catalog, tasks }: { readonly catalog: Catalog; readonly tasks: TaskIds }): Things {
  async function prompt(name: unknown, client: Client, args: unknown): Promise<About | undefined> {
    const found = typeof name === 'string' ? await catalog.findPrompt(name, behalfOf(client)) : undefined
    return found && { thing: promptOf(found), args }
  }
  async function resource(uri: unknown, client: Client): Promise<About | undefined> {
    const found = typeof uri === 'string' ? await catalog.findResource(uri, behalfOf(client)) : undefined
    return found && { thing: resourceOf(found), args: {} }
  }
  return {
    async about(method, params, client, tool) {
      if (method === 'tools/call') return tool && { thing: toolOf(tool), args: argumentsOf(params) }
      if (method === 'prompts/get') return prompt(params.name, client, argumentsOf(params))
      if (method === 'resources/read' || method === 'resources/subscribe') return resource(params.uri, client)
      if (method === 'completion/complete') {
        const { ref } = params
        return ref?.type === 'ref/resource' ? resource(ref.uri, client) : prompt(ref?.name, client, undefined)
      }
      const task = method.startsWith('tasks/') ? tasks.find(params.taskId, client.owner) : undefined
      return task && { thing: taskOf(task), args: undefined }
    },
  }
}
