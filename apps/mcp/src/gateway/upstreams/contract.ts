// What an upstream is to the rest of the gateway, whatever it is reached by. What crosses it are the members of JSON-RPC
// messages as they came: nothing here knows what a tool is.
import type { UpstreamSettings } from '../settings.ts'

// biome-ignore lint/suspicious/noExplicitAny: what others send has whatever members it has
export type Json = any

/** `params` or `result` of a message. */
export type Members = Readonly<Record<string, Json>>

export interface Request {
  readonly method: string
  readonly params?: Members | undefined
}

/** With what a request of 2026-07-28 over HTTP repeats in headers: `Mcp-Param-*`, by lower-case name. */
export interface UpstreamRequest extends Request {
  readonly mirrored?: Readonly<Record<string, string>> | undefined
}

export type Notification = Request

/** Who is behind a request. Two owners never share what is not `shared`. */
export interface Owner {
  /** The resource identifier that the request came to. */
  readonly endpoint: string
  readonly issuer: string
  readonly subject: string
  readonly clientId: string
  /** Of a client of the 2025 era that has one. */
  readonly session: string | undefined
}

/** On whose behalf, and with what for company, a request goes upstream. */
export interface Behalf {
  readonly owner: Owner
  /** What the caller's token opens, and until when, in seconds since the epoch. The token itself is never passed on. */
  readonly granted: {
    readonly scopes: ReadonlySet<string>
    readonly expiresAt: number
    readonly groups?: readonly string[] | undefined
  }
  /** As the client declared them: what an upstream may ask for is mirrored from them, never more. */
  readonly capabilities: Members
  /** From the client's request, by lower-case name; an upstream gets those that its settings name. */
  readonly headers: Readonly<Record<string, string>>
  /** What the client wants to hear progress under; undefined: it does not. */
  readonly progressToken: string | number | undefined
  /** The least severe log message that the client wants; undefined: it did not say. */
  readonly logLevel: string | undefined
  /** Aborted when nobody waits for the result any more: the upstream is told to stop. */
  readonly signal: AbortSignal
  /** What the upstream says while it is at work: progress, with the client's own token, and log messages. */
  hear(notification: Notification): void
  /** What an upstream of the 2025 era asks in the middle of it. Resolves with the `result` of the answer; rejects with an {@link RpcError}. */
  ask(question: Request): Promise<Members>
}

export type Era = '2025' | '2026'

/** What an upstream says of itself. */
export interface Description {
  readonly era: Era
  readonly protocolVersion: string
  readonly capabilities: Members
  readonly serverInfo: Members
  readonly instructions: string | undefined
  /** Whether it knows us by a session, so that a connection is more than the requests on it. */
  readonly hasSession: boolean
}

export interface Upstream {
  readonly settings: UpstreamSettings
  /** How many connections there are here: processes of a command, sessions of a server. */
  readonly open: number
  /** Connects if need be. */
  describe(behalf: Behalf): Promise<Description>
  /**
   * Resolves with the `result` member as it was sent, whatever kind of result it is (`resultType` of 2026-07-28 included).
   * Rejects with an {@link RpcError} for what the upstream answered, else with an {@link UpstreamError}.
   */
  request(request: UpstreamRequest, behalf: Behalf): Promise<Members>
  /**
   * For notifications that belong to no request: `notifications/roots/list_changed`. Nothing is opened for it: whom no connection
   * is open for has told this upstream nothing. It counts as one of the requests that may be under way at once.
   */
  notify(notification: Notification, behalf: Behalf): Promise<void>
  /**
   * Hears what the upstream says outside of any request: that lists changed, and that one of these resources did. It goes on,
   * over broken connections too, until the function that it returns is called. What `behalf` hears is not used.
   */
  listen(behalf: Behalf, resources: readonly string[], hear: (notification: Notification) => void): () => void
  close(): Promise<void>
}

/** An `error` member, as the upstream sent it. */
export class RpcError extends Error {
  readonly code: number
  readonly data: unknown
  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.name = 'RpcError'
    this.code = code
    this.data = data
  }
}

/**
 * - `unreachable`: no connection, or the breaker is open. Nothing was sent
 * - `unauthorized`: it wants a credential, or another one
 * - `busy`: as many requests are under way, or processes running, as may be. Nothing was sent
 * - `timeout`: no answer in time
 * - `interrupted`: the connection broke or the process ended after the request was sent: it may have run
 * - `invalid`: an answer that is no MCP, too large or nested too deep
 */
export type UpstreamFault = 'unreachable' | 'unauthorized' | 'busy' | 'timeout' | 'interrupted' | 'invalid'

/**
 * What is wrong with the gateway's own credential.
 * - `token-endpoint`: its authorization server is away
 * - `issuer`: that server is another one than the file says, or none
 * - `client`: it does not take the gateway's client id, secret or key
 * - `token`: it gives no token for what is asked
 */
export type CredentialTrouble = 'token-endpoint' | 'issuer' | 'client' | 'token'

export class UpstreamError extends Error {
  readonly upstream: string
  readonly fault: UpstreamFault
  /** Seconds. */
  readonly retryAfter: number | undefined
  /** Whether the other side said something: it is there. */
  readonly hasAnswered: boolean
  /** Undefined: it is not about that. */
  readonly about: CredentialTrouble | undefined
  /** For the operator alone: addresses and paths may be in it. */
  readonly detail: string | undefined
  /** `message` is for an operator and for the client: no secret, no query of a URL. */
  constructor(
    upstream: string,
    fault: UpstreamFault,
    message: string,
    options: {
      readonly retryAfter?: number
      readonly cause?: unknown
      readonly hasAnswered?: boolean
      readonly about?: CredentialTrouble | undefined
      readonly detail?: string | undefined
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'UpstreamError'
    this.upstream = upstream
    this.fault = fault
    this.retryAfter = options.retryAfter
    this.hasAnswered = options.hasAnswered ?? false
    this.about = options.about
    this.detail = options.detail
  }
}
