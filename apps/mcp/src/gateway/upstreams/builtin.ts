// The demonstration as an upstream: a fresh server for each request, over a pair of transports in memory.
import { InMemoryTransport } from '@modelcontextprotocol/client'
import { createOperations } from '../../mcp/operations.ts'
import { policy } from '../../mcp/policy.ts'
import { createMcpServer } from '../../mcp/server.ts'
import type { Source } from '../../sources/source.ts'
import type { OpenConnection } from './connection.ts'
import { type Behalf, RpcError, type UpstreamRequest } from './contract.ts'
import type { Identity } from './envelope.ts'
import { createWireOpener } from './wire.ts'

export interface BuiltinOptions {
  readonly name: string
  readonly source: Source
  readonly identity: Identity
  /** Milliseconds. */
  readonly limit: number
  readonly onerror: (error: Error) => void
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

export function createBuiltinOpener({ name, source, identity, limit, onerror, clock }: BuiltinOptions): OpenConnection {
  // All of it is on the list, which is kept longer than a caller keeps a token; what a call takes is asked when it comes.
  const operations = createOperations(source, { ...policy, isListed: policy.mayCall })
  const onToolFailure = (_tool: string, error: unknown): void => onerror(error as Error)

  function connect(asker: () => Behalf): InMemoryTransport {
    const { owner, granted } = asker()
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    const caller = { subject: owner.subject, clientId: owner.clientId, ...granted }
    const server = createMcpServer({ identity, source, operations, callerOf: () => caller, onToolFailure, clock })
    server.connect(theirs as Parameters<typeof server.connect>[0]).catch(onerror)
    return ours
  }

  /** Once more, whatever was known of the tool when the request came: see ../gateway.ts. */
  async function requireTerms({ method, params }: UpstreamRequest, { owner, granted }: Behalf): Promise<void> {
    if (method !== 'tools/call') return
    const caller = { subject: owner.subject, clientId: owner.clientId, ...granted }
    const { scopes, isOpenTo } = await operations.find({ method, params }, { caller, headers: {} })
    if (!isOpenTo || !scopes.every((scope) => granted.scopes.has(scope)))
      throw new RpcError(-32_603, 'This tool takes more than the token opens: call again')
  }

  const limits = { list: limit, start: limit, probe: limit }
  const open = createWireOpener({ name, identity, limits, era: '2025', connect, onerror })

  return async function openBuiltin(behalf, capabilities, key) {
    const first = await open(behalf, capabilities, key)
    await first.close()
    return {
      description: first.description,
      async request(request, on, terms) {
        await requireTerms(request, on)
        const connection = await open(on, capabilities, key)
        try {
          return await connection.request(request, on, terms)
        } finally {
          await connection.close()
        }
      },
      notify: async () => undefined,
      async listen(_resources, _hear, signal, ready) {
        ready?.()
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      },
      close: async () => undefined,
    }
  }
}
