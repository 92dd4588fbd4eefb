// The SDK's server towards a client, whose requests go to the relay as they are. It keeps what belongs to this hop: the
// handshake, versions, the level of logging, who listens.
import { type Implementation, ProtocolError, Server, type ServerContext } from '@modelcontextprotocol/server'
import type { ServedRequest } from '../../mcp/served.ts'
import type { EndpointDescription } from '../catalog/contract.ts'
import { type Members, type Notification, type Owner, type Request, RpcError } from '../upstreams/contract.ts'
import { reads } from '../upstreams/methods.ts'
import type { Client } from './client.ts'

export interface RelayServerOptions {
  readonly identity: Implementation
  /** Who calls with this request. */
  readonly servedOf: (context: ServerContext) => ServedRequest
  readonly ownerOf: (request: ServedRequest) => Owner
  /** What is taken for said of what a client can do: see ../variants.ts. */
  readonly capabilitiesOf: (owner: Owner, said: unknown) => Members
  readonly description: EndpointDescription
  /** By default those of the SDK. */
  readonly supportedProtocolVersions?: string[]
  handle(request: Request, client: Client, served: ServedRequest): Promise<Members>
  readonly onerror: (error: Error) => void
}

const envelope = 'io.modelcontextprotocol/'
/** Takes everything as it is. */
const anything = {
  '~standard': { version: 1, vendor: 'gatehouse', validate: (value: unknown) => ({ value }) },
} as const
/** The SDK knows them of the older era, where its own handlers would be asked. */
const reused = ['tasks/get', 'tasks/cancel']

export function createRelayServer({
  identity,
  servedOf,
  ownerOf,
  capabilitiesOf,
  description,
  supportedProtocolVersions,
  handle,
  onerror,
}: RelayServerOptions): Server {
  const server = new Server(identity, {
    capabilities: description.capabilities,
    ...(supportedProtocolVersions && { supportedProtocolVersions }),
    ...(description.instructions !== undefined && { instructions: description.instructions }),
  })
  let level: string | undefined
  if (description.capabilities.logging) {
    server.setRequestHandler('logging/setLevel', async ({ params }) => {
      level = params.level
      return {}
    })
  }

  function clientOf({ mcpReq }: ServerContext, request: ServedRequest): Client {
    const meta = mcpReq.envelope as Members | undefined
    const era = meta ? '2026' : '2025'
    const hear = ({ method, params }: Notification) =>
      void mcpReq.notify({ method, ...(params && { params }) } as Parameters<typeof mcpReq.notify>[0]).catch(onerror)
    const canAsk = era === '2025' && request.session !== undefined
    const owner = ownerOf(request)
    return {
      owner,
      granted: request.caller,
      era,
      capabilities: capabilitiesOf(owner, meta?.[`${envelope}clientCapabilities`] ?? server.getClientCapabilities()),
      headers: request.headers,
      logLevel: meta ? meta[`${envelope}logLevel`] : level,
      progressToken: (mcpReq._meta as Members | undefined)?.progressToken,
      signal: mcpReq.signal,
      hear,
      ask: canAsk ? (question) => ask(mcpReq, question) : undefined,
      requestState: mcpReq.requestState() as string | undefined,
      inputResponses: mcpReq.inputResponses as Members | undefined,
      announce: request.session?.announce,
      note: request.note,
    }
  }

  async function ask(mcpReq: ServerContext['mcpReq'], { method, params }: Request): Promise<Members> {
    try {
      const options = { timeout: longestQuestion, signal: mcpReq.signal }
      return (await mcpReq.send({ method, ...(params && { params }) } as never, anything as never, options)) as Members
    } catch (error) {
      if (error instanceof ProtocolError) throw new RpcError(error.code, error.message, error.data)
      throw error
    }
  }

  const answer = async ({ method, params }: Request, context: ServerContext) => {
    const request = servedOf(context)
    try {
      return await handle({ method, ...(params && { params }) }, clientOf(context, request), request)
    } catch (error) {
      // what a tool answers is no word about the method
      if (error instanceof RpcError && error.code === -32_601 && !isNamed(method)) request.onUnknownMethod?.()
      if (error instanceof RpcError) throw new ProtocolError(error.code, error.message, error.data)
      onerror(error as Error)
      throw new ProtocolError(-32_603, 'Internal error')
    }
  }
  server.fallbackRequestHandler = (incoming, context) => answer(incoming as Request, context)
  for (const method of reused) {
    server.setRequestHandler(
      method,
      { params: anything } as never,
      ((params: Members, context: ServerContext) => answer({ method, params }, context)) as never,
    )
  }
  return server
}

/** Methods that the protocol has: whether there is such a thing at the endpoint is another question. */
function isNamed(method: string): boolean {
  return method === 'tools/call' || reads.has(method)
}

/** Milliseconds that a person has to answer in: as a call that is parked has. */
const longestQuestion = 300_000
