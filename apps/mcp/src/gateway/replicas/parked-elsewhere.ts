// Calls that wait at one replica for the answer of a person, taken up from whichever replica the answer came to.
import type { ReplicaName, Replicas } from '@gatehouse/replicas'
import type { Client } from '../relay/client.ts'
import { type Json, type Members, RpcError } from '../upstreams/contract.ts'
import { NotBegunError, ReplicaLostError } from './call-errors.ts'
import type { Calls } from './calls.ts'
import type { Caller } from './parties.ts'

/** What a call that waits is taken up with. */
export interface TakenUp {
  readonly id: string
  readonly upstream: string
  /** Digest of the request that it belongs to. */
  readonly of: string
}

export interface ParkedElsewhere {
  readonly self: ReplicaName
  takeUp(at: ReplicaName, what: TakenUp, client: Client): Promise<Members>
  /** Takes up for others what waits here. Returns how to stop. */
  serve(takeUp: (what: TakenUp, client: Client) => Promise<Members>): () => void
}

/** How often one is asked that is there and does not begin. */
const attempts = 3

/** `endpoint`: that the calls came to. */
export function createParkedElsewhere(replicas: Replicas, calls: Calls, endpoint: string): ParkedElsewhere {
  const operation = `parked ${endpoint}`
  return {
    get self() {
      return replicas.self
    },

    async takeUp(at, what, client) {
      const ask = async (): Promise<never> => {
        throw new RpcError(-32_603, 'This client is answered, not asked')
      }
      const input = { ...what, client: carried(client) }
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await calls.call(at, operation, input, { ...client, ask })
        } catch (error) {
          if (error instanceof ReplicaLostError)
            throw new RpcError(-32_603, 'The replica at which this call went on is gone: the call may have run')
          if (!(error instanceof NotBegunError)) throw error
          if (attempt === attempts || !(await replicas.isAlive(at).catch(() => false)))
            throw new RpcError(-32_602, 'The replica at which this call waited is gone: call again')
        }
      }
    },

    serve(takeUp) {
      return calls.serve(operation, async ({ client, ...what }, caller) => {
        await caller.begin()
        return takeUp(what as TakenUp, revived(client, caller))
      })
    },
  }
}

function carried(client: Client): Json {
  const { owner, capabilities, headers, logLevel, progressToken, inputResponses, granted, tool } = client
  const { scopes, expiresAt } = granted
  const plain = {
    owner,
    capabilities,
    headers,
    logLevel,
    progressToken,
    inputResponses,
    ...(tool !== undefined && { tool }),
  }
  return { ...plain, granted: { scopes: [...scopes], expiresAt } }
}

function revived({ granted, ...rest }: Json, caller: Caller): Client {
  return {
    ...rest,
    era: '2026',
    granted: { scopes: new Set(granted.scopes), expiresAt: granted.expiresAt },
    signal: caller.signal,
    hear: (notification) => caller.tell(notification),
    ask: undefined,
    requestState: undefined,
    announce: undefined,
  }
}
