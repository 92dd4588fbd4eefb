// Calls that wait at one replica for the answer of a person, taken up from whichever replica the answer came to.
import type { ReplicaName, Replicas } from '@gatehouse/replicas'
import type { Client } from '../relay/client.ts'
import { type Json, type Members, RpcError } from '../upstreams/contract.ts'
import { MovedError, NotBegunError, ReplicaLostError } from './call-errors.ts'
import type { Caller, Calls } from './calls.ts'

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
      try {
        return await calls.call(at, operation, { ...what, client: carried(client) }, { ...client, ask })
      } catch (error) {
        const isGone =
          error instanceof NotBegunError || error instanceof MovedError || error instanceof ReplicaLostError
        if (isGone) throw new RpcError(-32_602, 'The replica at which this call waited is gone: call again')
        throw error
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
  const { owner, capabilities, headers, logLevel, progressToken, inputResponses, granted } = client
  const { scopes, expiresAt } = granted
  const plain = { owner, capabilities, headers, logLevel, progressToken, inputResponses }
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
