// The gateway, wired: upstreams, their catalog, the relay. It is served as a source of our own is, see ../mcp/served.ts.
import type { Implementation } from '@modelcontextprotocol/server'
import type { Message, Operation, Operations, Served, ServedRequest } from '../mcp/served.ts'
import type { Catalog, EndpointDescription } from './catalog/contract.ts'
import { policy } from './policy.ts'
import { behalfOf, type Client } from './relay/client.ts'
import { createForward } from './relay/forward.ts'
import { createNews } from './relay/news.ts'
import { createRelay } from './relay/relay.ts'
import { createSeals } from './relay/seal.ts'
import { createRelayServer } from './relay/server.ts'
import { createTaskIds } from './relay/tasks.ts'
import type { Json, Members, Owner, Request, Upstream } from './upstreams/contract.ts'

export interface GatewayOptions {
  readonly identity: Implementation
  /** The resource that it stands behind. */
  readonly resource: string
  readonly issuer: string
  readonly development: boolean
  readonly upstreams: readonly Upstream[]
  readonly catalog: Catalog
  readonly parked: number
  readonly secrets: readonly [string, ...string[]]
  readonly onerror: (error: Error) => void
  readonly onFault: (upstream: string, error: Error) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** Milliseconds without a request after which a session of the 2025 era hears no more. */
const quietSession = 1_800_000

export function createGateway(options: GatewayOptions): Served {
  const { identity, resource, issuer, upstreams, catalog, clock, onerror, onFault } = options
  const seals = createSeals({ secrets: options.secrets, clock })
  const forward = createForward({
    seals,
    ownOrigins: [new URL(issuer).origin, new URL(resource).origin],
    development: options.development,
    named: upstreams.length > 1,
    parked: options.parked,
    clock,
  })
  const relay = createRelay({ catalog, upstreams, forward, tasks: createTaskIds(seals), onFault })
  const news = createNews({ catalog, onerror, quiet: quietSession })
  /** What clients of an era were told last: a server is made without waiting. */
  const told = new Map<string, EndpointDescription>()

  function ownerOf({ caller, session }: ServedRequest): Owner {
    return { endpoint: resource, issuer, subject: caller.subject, clientId: caller.clientId, session: session?.key }
  }

  const operations: Operations = {
    async find(message, request) {
      const client = clientIn(message, ownerOf(request), request.headers)
      const { method = '' } = message
      if (method === 'initialize' || method === 'server/discover' || method === 'subscriptions/listen') {
        told.set(client.era, await catalog.describe(behalfOf(client), client.era))
      }
      return operationOf(message, await toolOf(message, client))
    },
  }

  /** Looked up only where headers have to be compared with it. */
  async function toolOf({ method, params }: Message, client: Client): Promise<Operation['tool']> {
    const name = (params as Members | undefined)?.name
    if (method !== 'tools/call' || client.era === '2025' || typeof name !== 'string') return undefined
    const found = await catalog.findTool(name, behalfOf(client))
    return found && { name, inputSchema: found.definition.inputSchema }
  }

  async function handle(request: Request, client: Client, session: ServedRequest['session']): Promise<Members> {
    const { method, params } = request
    if (session && client.era === '2025') {
      news.used(session, behalfOf(client))
      const uri = params?.uri
      if (method === 'resources/unsubscribe') {
        news.unsubscribe(session, uri)
        return {}
      }
      if (method === 'resources/subscribe' && typeof uri === 'string') {
        const found = await catalog.findResource(uri, behalfOf(client))
        if (found) {
          news.subscribe(session, uri, found.upstream, behalfOf(client))
          return {}
        }
      }
    }
    return relay.handle(request, client)
  }

  return {
    operations,

    createServer(request) {
      const era = request.session ? '2025' : '2026'
      return createRelayServer({
        identity,
        request,
        owner: ownerOf(request),
        description: told.get(era) ?? told.get('2026') ?? told.get('2025') ?? nothingKnown,
        handle: (incoming, client) => handle(incoming, client, request.session),
        onerror,
      })
    },

    events: (request, resources) => {
      const client = clientIn({ method: 'subscriptions/listen' }, ownerOf(request), request.headers)
      return news.busFor(behalfOf(client), resources)
    },

    notified(request, { method, params }) {
      if (method !== 'notifications/roots/list_changed') return
      const client = clientIn({ method }, ownerOf(request), request.headers)
      for (const upstream of upstreams) {
        upstream.notify({ method, params: params as Members | undefined }, behalfOf(client)).catch(onerror)
      }
    },

    async close() {
      news.close()
      forward.close()
      await Promise.all(upstreams.map((upstream) => upstream.close()))
    },
  }
}

/** Before the first client was told anything: what every MCP server may have. */
const nothingKnown: EndpointDescription = {
  capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true } },
  instructions: undefined,
}

const envelope = 'io.modelcontextprotocol/'

/** Of a message that has not come to a server yet. */
function clientIn({ method, params }: Message, owner: Owner, headers: Readonly<Record<string, string>>): Client {
  const meta: Json = (params as Members | undefined)?._meta ?? {}
  const isModern = typeof meta[`${envelope}protocolVersion`] === 'string' || method === 'subscriptions/listen'
  const capabilities = isModern ? meta[`${envelope}clientCapabilities`] : (params as Json)?.capabilities
  return {
    owner,
    era: isModern ? '2026' : '2025',
    capabilities: typeof capabilities === 'object' && capabilities !== null ? capabilities : {},
    headers,
    logLevel: undefined,
    progressToken: undefined,
    signal: new AbortController().signal,
    hear: () => undefined,
    ask: undefined,
    requestState: undefined,
    inputResponses: undefined,
    announce: undefined,
  }
}

function operationOf({ method }: Message, tool: Operation['tool']): Operation {
  return {
    method: method ?? '',
    tool,
    staysOpen: method === 'subscriptions/listen',
    scopes: policy(method),
    isOpenTo: true,
  }
}
