// Where each request of a client goes. Names and addresses are looked up in the catalog; what the protocol does not name goes
// through where there is one upstream only.

import { mirroredHeaders } from '../../mcp/inbound.ts'
import type { Catalog, FoundResource, Shows } from '../catalog/contract.ts'
import { type Limited, wordsOf } from '../limits/limits.ts'
import type { Gate } from '../rules/gate.ts'
import type { Thing } from '../rules/rules.ts'
import { argumentsOf, promptOf, resourceOf, taskOf, toolOf } from '../rules/things.ts'
import { type Json, type Members, type Request, RpcError, type Upstream, UpstreamError } from '../upstreams/contract.ts'
import { behalfOf, type Client } from './client.ts'
import type { Forward } from './forward.ts'
import { namesTask, type TaskIds } from './tasks.ts'

export interface RelayOptions {
  readonly catalog: Catalog
  readonly upstreams: readonly Upstream[]
  readonly forward: Forward
  readonly tasks: TaskIds
  readonly gate: Gate
  /** Whether a call is one too many, which is asked of those that go to their upstream. */
  readonly limit: (
    tool: { readonly upstream: string; readonly name: string },
    client: Client,
  ) => Promise<Limited | undefined>
  /** What an upstream did wrong: for the log. */
  readonly onFault: (upstream: string, error: Error) => void
}

export interface Relay {
  /** Resolves with a `result`. Rejects with an {@link RpcError}. */
  handle(request: Request, client: Client): Promise<Members>
}

const codes = { methodNotFound: -32_601, invalidParams: -32_602, internal: -32_603 } as const
/** Seconds after which to try again, where an upstream does not say. */
const tryAgain = 20

export function createRelay({ catalog, upstreams, forward, tasks, gate, limit, onFault }: RelayOptions): Relay {
  async function handle(request: Request, client: Client): Promise<Members> {
    const { method, params = {} } = request
    switch (method) {
      case 'tools/list':
        return catalog.tools(behalfOf(client), client.era, shownTo(client, toolOf))
      case 'prompts/list':
        return catalog.prompts(behalfOf(client), client.era, shownTo(client, promptOf))
      case 'resources/list':
        return catalog.resources(behalfOf(client), client.era, shownTo(client, named))
      case 'resources/templates/list':
        return catalog.templates(behalfOf(client), client.era, shownTo(client, named))
      case 'tools/call':
        return callTool(request, params, client)
      case 'prompts/get': {
        const name = textIn(params, 'name')
        const found = await catalog.findPrompt(name, behalfOf(client))
        const missing = () => new RpcError(codes.invalidParams, `Prompt ${name} not found`)
        if (!found) throw missing()
        const sent = { method, params: { ...params, name: found.name } }
        return pass(found.upstream, sent, judged(client, promptOf(found), argumentsOf(params), missing))
      }
      case 'resources/read':
        return passResource(request, params, client)
      // A connection may be shared: what one caller ends without a session of their own would be ended for all, and what they
      // begin for nobody. With a session it does not come here (gateway.ts).
      case 'resources/subscribe':
        await resourceAt(textIn(params, 'uri'), client)
        throw new RpcError(codes.invalidParams, 'A subscription needs a session: send initialize first')
      case 'resources/unsubscribe':
        return {}
      case 'completion/complete':
        return complete(params, client)
    }
    // An upstream lists the tasks of all for whom it has one credential: whose each one is, only their ids say.
    if (method === 'tasks/list') throw new RpcError(codes.methodNotFound, 'Method not found')
    if (method.startsWith('tasks/')) return passTask(request, params, client)
    const [only] = upstreams
    if (!only || upstreams.length > 1 || !gate.isOpen(only.settings.name))
      throw new RpcError(codes.methodNotFound, 'Method not found')
    return pass(only, request, client)
  }

  /** Who is refused does not get past it. What it lets by asks it again before it is sent once more. */
  function judged(client: Client, thing: Thing, args: unknown, missing: () => RpcError): Client {
    const judgeAgain = () => gate.require(thing, client, args, missing)
    judgeAgain()
    return { ...client, judgeAgain }
  }

  function shownTo(client: Client, thing: typeof toolOf): Shows {
    return (upstream, name) => gate.shows(thing({ upstream, name }), client)
  }

  async function callTool(request: Request, params: Members, client: Client): Promise<Members> {
    const name = textIn(params, 'name')
    const missing = () => new RpcError(codes.invalidParams, `Tool ${name} not found`)
    const found = await catalog.findTool(name, behalfOf(client))
    if (!found) {
      const away = await catalog.awayTool(name, behalfOf(client))
      if (!away) throw missing()
      client.note?.({ called: toolOf(away) })
      judged(client, toolOf(away), argumentsOf(params), missing)
      client.note?.({ upstream: away.upstream.settings.name, outcome: 'unavailable', reason: 'unreachable' })
      return failed(new UpstreamError(away.upstream.settings.name, 'unreachable', 'it has no list'))
    }
    client.note?.({ called: toolOf(found) })
    const { upstream, definition } = found
    const permitted = { ...judged(client, toolOf(found), argumentsOf(params), missing), tool: found.name }
    const limited = await limit({ upstream: upstream.settings.name, name: found.name }, client)
    if (limited) {
      client.note?.({ upstream: upstream.settings.name, outcome: 'refused', reason: 'tool_limit' })
      return failedWith(wordsOf(limited, name))
    }
    const mirrored = mirroredHeaders(definition as { name: string; inputSchema: Json }, params.arguments)
    const sent = { ...request, params: { ...params, name: found.name }, mirrored }
    try {
      return await go(upstream, sent, permitted)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      onFault(upstream.settings.name, error)
      client.note?.({ outcome: client.signal.aborted ? 'cancelled' : 'unavailable', reason: error.fault })
      return failed(error)
    }
  }

  async function pass(upstream: Upstream, request: Request, client: Client): Promise<Members> {
    try {
      return await go(upstream, request, client)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      onFault(upstream.settings.name, error)
      client.note?.({ outcome: client.signal.aborted ? 'cancelled' : 'unavailable', reason: error.fault })
      const { fault: reason, retryAfter } = error
      const data = { upstream: upstream.settings.name, reason, ...(retryAfter !== undefined && { retryAfter }) }
      throw new RpcError(codes.internal, wordsFor(error), data)
    }
  }

  async function go(upstream: Upstream, request: Request, client: Client): Promise<Members> {
    const { owner, tool } = client
    const { name, credential = 'none' } = upstream.settings
    client.note?.({ upstream: name, credential })
    const hearing: Client = {
      ...client,
      hear({ method, params }) {
        catalog.heard({ method, params }, behalfOf(client), upstream)
        client.hear({
          method,
          ...(params && { params: namesTask(params) ? tasks.shown(params, owner, name, tool) : params }),
        })
      },
    }
    const result = await forward.forward(upstream, request, hearing)
    const linked = await catalog.show(behalfOf(client), result, upstream)
    const shown = namesTask(linked) ? tasks.shown(linked, owner, name, tool) : linked
    return client.era === '2025' ? withObject(shown) : shown
  }

  async function passResource(request: Request, params: Members, client: Client): Promise<Members> {
    const { permitted, upstream, uri } = await resourceAt(textIn(params, 'uri'), client)
    return pass(upstream, { ...request, params: { ...params, uri } }, permitted)
  }

  async function resourceAt(uri: string, client: Client): Promise<FoundResource & { readonly permitted: Client }> {
    const found = await catalog.findResource(uri, behalfOf(client))
    const missing = () => new RpcError(codes.invalidParams, `Resource ${uri} not found`, { uri })
    if (!found) throw missing()
    return { ...found, permitted: judged(client, resourceOf(found), {}, missing) }
  }

  async function complete(params: Members, client: Client): Promise<Members> {
    const { ref } = params
    const method = 'completion/complete'
    if (ref?.type === 'ref/resource') {
      const { permitted, upstream, uri } = await resourceAt(textIn(ref, 'uri'), client)
      return pass(upstream, { method, params: { ...params, ref: { ...ref, uri } } }, permitted)
    }
    const name = textIn(ref ?? {}, 'name')
    const found = await catalog.findPrompt(name, behalfOf(client))
    const missing = () => new RpcError(codes.invalidParams, `Prompt ${name} not found`)
    if (!found) throw missing()
    const sent = { method, params: { ...params, ref: { ...ref, name: found.name } } }
    return pass(found.upstream, sent, judged(client, promptOf(found), undefined, missing))
  }

  async function passTask(request: Request, params: Members, client: Client): Promise<Members> {
    const task = tasks.find(params.taskId, client.owner)
    const upstream = task && upstreams.find(({ settings }) => settings.name === task.upstream)
    const missing = () => new RpcError(codes.invalidParams, 'Task not found')
    if (!upstream) throw missing()
    const permitted = { ...judged(client, taskOf(task), undefined, missing), tool: task.tool }
    return pass(upstream, { ...request, params: { ...params, taskId: task.taskId } }, permitted)
  }

  return { handle }
}

const named = ({ upstream, name }: Parameters<typeof toolOf>[0]) => resourceOf({ upstream, uri: name })

/** The model can act on it: it may try again, or do something else. */
function failed(error: UpstreamError): Members {
  return failedWith(wordsFor(error))
}

function failedWith(text: string): Members {
  return { content: [{ type: 'text', text }], isError: true }
}

/** What a person and a model read: no address, no secret. */
function wordsFor({ upstream, fault, message, retryAfter = tryAgain }: UpstreamError): string {
  if (fault === 'unreachable') return `${upstream} is unavailable: try again in ${retryAfter} s`
  if (fault === 'busy') return `${upstream} is busy: try again in ${retryAfter} s`
  return message
}

function textIn(members: Members, name: string): string {
  const value = members[name]
  if (typeof value === 'string') return value
  throw new RpcError(codes.invalidParams, `Invalid params: ${name} must be a string`)
}

/** Clients of the 2025 era read objects alone: their lists say so of the schema, too. */
function withObject(result: Members): Members {
  const { structuredContent } = result
  const isObject =
    typeof structuredContent === 'object' && structuredContent !== null && !Array.isArray(structuredContent)
  return structuredContent === undefined || isObject
    ? result
    : { ...result, structuredContent: { result: structuredContent } }
}
