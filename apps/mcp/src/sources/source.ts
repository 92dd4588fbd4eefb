// The port: what a server serves, no matter who has it. What crosses it is in the protocol's own form (JSON Schema, content
// blocks), so that a source may be anything. It knows no HTTP and no token; who may do what is settled before it is asked.
import type {
  CallToolResult,
  GetPromptResult,
  InputRequiredResult,
  Notification,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
  Server,
  ServerCapabilities,
  ServerContext,
  ServerEventBus,
  ServerOptions,
  Tool,
} from '@modelcontextprotocol/server'

/** What a source may know of who calls it. The token is not among it: it is never passed on. */
export interface SourceCaller {
  readonly subject: string
  readonly clientId: string
  readonly scopes: ReadonlySet<string>
  /** RFC 9068 §2.2.3.1. Absent where the token names none. */
  readonly groups?: readonly string[] | undefined
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** What comes with a request besides its parameters. */
export interface SourceContext {
  readonly caller: SourceCaller
  /** The request as the SDK has it: how to notify, log and ask, in whichever era. */
  readonly request: ServerContext
  /** Aborted when nobody waits for the result any more: cancelled, disconnected (2026-07-28), or the token expired. */
  readonly signal: AbortSignal
  /** Tells the client something that belongs to no request: for the session's own stream. */
  announce(notification: Notification): Promise<void>
}

/** What a tool takes of its caller. Not for clients: a policy asks it. */
export interface ToolTerms {
  /** All scopes that a call needs; a challenge names all of them. */
  readonly scopes: readonly [string, ...string[]]
  /** Only a person may call it, through whatever client: a token that a client has for itself (client credentials) may not. */
  readonly peopleOnly?: boolean
  /** A call stays open for seconds, so the calls of one caller at once are counted. */
  readonly isLong?: boolean
}

export interface SourceTool {
  /** As clients are told of it. */
  readonly definition: Tool
  readonly terms: ToolTerms
}

export type InputRequired = InputRequiredResult

/** Judges the `requestState` that a client brings back (2026-07-28): throws, or returns what it says. */
export type VerifyRequestState = NonNullable<NonNullable<ServerOptions['requestState']>['verify']>

/**
 * Lists are in the order in which clients see them. What is called, filled in or read was on one, but for templates.
 * Anyone who may read may have all prompts and resources.
 */
export interface Source {
  listTools(): Promise<readonly SourceTool[]>
  /** `args` are as the client sent them: to judge them is the source's affair. What it throws the caller is not told. */
  callTool(
    name: string,
    args: Readonly<Record<string, unknown>>,
    context: SourceContext,
  ): Promise<CallToolResult | InputRequired>
  listPrompts(): Promise<readonly Prompt[]>
  /** Throws a ProtocolError for arguments that do not fit. */
  getPrompt(
    name: string,
    args: Readonly<Record<string, string>>,
    context: SourceContext,
  ): Promise<GetPromptResult | InputRequired>
  listResources(): Promise<readonly Resource[]>
  listResourceTemplates(): Promise<readonly ResourceTemplateType[]>
  /** Undefined for an address that it has nothing at. */
  readResource(uri: string, context: SourceContext): Promise<ReadResourceResult | undefined>

  /** Beyond tools, prompts and resources that do not change. */
  readonly capabilities?: ServerCapabilities
  /** What clients that listen (2026-07-28) hear of. Without it they hear nothing. */
  readonly events?: ServerEventBus
  /** Without it nothing hands out any state, so all that is brought is refused: a client could have made it up. */
  readonly verifyRequestState?: VerifyRequestState
  /** Handlers for what the port has no words for, on each fresh server. */
  extend?(server: Server): void
}
