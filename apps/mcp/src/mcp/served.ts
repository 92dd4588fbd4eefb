// What is served behind the endpoint: a source of our own (source-server.ts), or other people's servers (../gateway). HTTP and
// tokens are settled before it is asked.
import type { SessionNews } from '@gatehouse/mcp-sessions'
import type { Server, ServerEventBus } from '@modelcontextprotocol/server'
import type { SourceCaller } from '../sources/source.ts'
import type { Operations } from './operations.ts'

/** One request: who calls, and what of its headers others may see. */
export interface ServedRequest {
  readonly caller: SourceCaller
  /** By lower-case name. No credential is among them, nor what belongs to the connection. */
  readonly headers: Readonly<Record<string, string>>
  /** Of a client of the 2025 era that has a session. */
  readonly session?: SessionNews | undefined
}

export interface Served {
  readonly operations: Operations
  /** A fresh server for one request of one caller. */
  createServer(request: ServedRequest): Server
  /** What a client of 2026-07-28 that listens hears; `resources` are those that it wants to hear of. Undefined: nothing. */
  events?(request: ServedRequest, resources: readonly string[]): ServerEventBus | undefined
  /** A notification of a client of the 2025 era, in its session. */
  notified?(request: ServedRequest, notification: { readonly method: string; readonly params?: unknown }): void
  /** Ends what it has open. Answers that are under way have been given. */
  close?(): Promise<void>
}
