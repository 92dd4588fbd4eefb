// What is served behind the endpoint: a source of our own (source-server.ts), or other people's servers (../gateway). HTTP and
// tokens are settled before it is asked.
import type { SessionNews } from '@gatehouse/mcp-sessions'
import type { AuthInfo, Server, ServerEventBus, Tool } from '@modelcontextprotocol/server'
import type { SourceCaller } from '../sources/source.ts'
import type { Note } from './call-audit.ts'

/** One request: who calls, and what of its headers others may see. */
export interface ServedRequest {
  readonly caller: SourceCaller
  /** By lower-case name. No credential is among them, nor what belongs to the connection. */
  readonly headers: Readonly<Record<string, string>>
  /** Of a client of the 2025 era that has a session. */
  readonly session?: SessionNews | undefined
  /** To be called where nobody knows the method, before that is answered. */
  readonly onUnknownMethod?: () => void
  /** What the audit is told of the request. */
  readonly note?: Note | undefined
}

/** The request that the SDK was given with it: see http.ts. */
export function servedIn(auth: AuthInfo | undefined): ServedRequest {
  if (!auth?.extra) throw new Error('a request came to the SDK by another way')
  return auth.extra as unknown as ServedRequest
}

/** Of a request, or a notification; an answer to something that we asked has no method. */
export interface Operation {
  readonly method: string
  /** As clients are told of what it calls, if there is a tool of that name and it matters. */
  readonly tool: Pick<Tool, 'name' | 'inputSchema'> | undefined
  /** Whether the answer stays open, so that it is counted. */
  readonly staysOpen: boolean
  /** What it needs. */
  readonly scopes: readonly string[]
  /** Whether the caller may do it at all, with whatever scopes. */
  readonly isOpenTo: boolean
  /** It is not gone into. */
  readonly refusal?: Refusal
}

/** It is one too many for now (RFC 6585 §4). */
export interface Refusal {
  /** As the audit has it. */
  readonly reason: string
  readonly message: string
  /** Seconds. */
  readonly retryAfter: number
}

export interface Operations {
  /** `request`: who calls, and with what. */
  find(message: Message, request: ServedRequest): Promise<Operation>
}

export interface Message {
  readonly method?: string
  readonly params?: unknown
}

export interface Served {
  readonly operations: Operations
  /** A fresh server for one request of one caller. */
  createServer(request: ServedRequest): Server
  /**
   * A server for requests of 2026-07-28 that stand alone, of more than one caller: the request says who calls, as
   * {@link ServedRequest} in `http.authInfo.extra`. It supports `sharedVersions` of exchanges.ts, is the same one each time for
   * those who may share it, and is not connected here. Undefined: this caller has no such server.
   */
  sharedServer(request: ServedRequest): Server | undefined
  /** What a client of 2026-07-28 hears after `message`, by which it listens. Undefined: nothing. */
  events?(request: ServedRequest, message: Message): ServerEventBus | undefined
  /** A notification of a client of the 2025 era, in its session. */
  notified?(request: ServedRequest, notification: { readonly method: string; readonly params?: unknown }): void
  /** The client of a session of the 2025 era ended it: nothing is kept for it. `key`: see {@link SessionNews}. */
  ended?(key: string): void
  /** Ends what it has open. Answers that are under way have been given. */
  close?(): Promise<void>
}
