// One server of the SDK for the requests of many callers that stand alone (2026-07-28), where the long way makes one for each.
// The SDK judges parameters and makes answers here as there. What is of one request (who calls, its signal, what it hears)
// goes with that request, and is forgotten with it: the server itself knows nobody.
import {
  type AuthInfo,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type JSONRPCResultResponse,
  PerRequestHTTPServerTransport,
  type Server,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server'
import { noteOutcome } from './call-audit.ts'
import { type ServedRequest, servedIn } from './served.ts'

/** The only revision whose requests stand alone without a handshake. */
export const revision = '2026-07-28'
/** What a server has to support to be one of many: the SDK looks for the revision among it. */
export const sharedVersions: string[] = [...SUPPORTED_PROTOCOL_VERSIONS, revision]

export type Answered = JSONRPCResultResponse | JSONRPCErrorResponse

/** One who asks. */
export interface Asker {
  /** Something on the way to the answer. */
  said(message: JSONRPCMessage): void
  answered(message: Answered): void
  /** There will be no answer: the server was closed. */
  ended(): void
}

export interface Exchanges {
  /** Begins the work for a request. The function that it returns cancels it: nothing is said any more then. */
  begin(request: JSONRPCRequest, authInfo: AuthInfo, asker: Asker): () => void
  close(): Promise<void>
}

interface UnderWay {
  /** As the client chose it. Two may choose the same. */
  readonly id: string | number
  readonly note: ServedRequest['note']
  readonly asker: Asker
}

const classification = { era: 'modern', revision } as const

/** `server` is not connected yet, and supports {@link sharedVersions}. */
export async function openExchanges(server: Server): Promise<Exchanges> {
  const underWay = new Map<string | number, UnderWay>()
  let count = 0
  let isClosed = false
  // It is the SDK's way to say of which revision a server is.
  const transport = new PerRequestHTTPServerTransport({ classification })

  transport.send = async (message, options) => {
    const isAnswer = 'result' in message || 'error' in message
    const id = isAnswer ? message.id : options?.relatedRequestId
    const exchange = id === undefined ? undefined : underWay.get(id)
    // it was cancelled, or belongs to no request
    if (!exchange) return
    if (!isAnswer) return exchange.asker.said(message)
    underWay.delete(id as number)
    noteOutcome(message, exchange.note)
    exchange.asker.answered({ ...message, id: exchange.id })
  }
  await server.connect(transport)
  const receive = (message: JSONRPCMessage, authInfo?: AuthInfo): void =>
    transport.onmessage?.(message, { classification, ...(authInfo && { authInfo }) })

  return {
    begin(request, authInfo, asker) {
      if (isClosed) throw new Error('This MCP handler has been closed')
      count += 1
      const id = count
      const { note } = servedIn(authInfo)
      underWay.set(id, { id: request.id, note, asker })
      receive({ ...request, id }, authInfo)
      return () => {
        if (!underWay.delete(id)) return
        const params = { requestId: id, reason: 'Connection closed' }
        receive({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
      }
    },

    async close() {
      isClosed = true
      const left = [...underWay.values()]
      underWay.clear()
      for (const { asker } of left) asker.ended()
      await server.close()
    },
  }
}
