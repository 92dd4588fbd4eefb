// What a tool is. One file a tool, the list in index.ts. A tool knows who calls and what it was given; tokens, scopes,
// HTTP and the protocol's eras are settled before it runs.
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { z } from 'zod'

/** What a tool may know of who calls it. The token is not among it: it is never passed on. */
export interface ToolCaller {
  readonly subject: string
  readonly clientId: string
  readonly scopes: ReadonlySet<string>
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** What a tool may say while it works. Clients hear it as far as they want to. */
export interface Notify {
  /** A line for whoever watches. A client of 2026-07-28 gets it if it asked for logging with this very call. */
  message(text: string): Promise<void>
  /** How far it is. Only for clients that asked for progress. `done` MUST grow. */
  progress(done: number, total: number, text?: string): Promise<void>
}

export interface ToolCall<Input> {
  readonly input: Input
  readonly caller: ToolCaller
  readonly notify: Notify
  /** Aborted when nobody waits for the result any more: cancelled, disconnected (2026-07-28), or the token expired. */
  readonly signal: AbortSignal
}

export interface ToolDefinition<Input extends z.ZodObject> {
  readonly name: string
  readonly title: string
  /** For the model that chooses among tools. */
  readonly description: string
  /** All scopes that a call needs; a challenge names all of them. */
  readonly scopes: readonly [string, ...string[]]
  /** Only a person may call it, through whatever client: a token that a client has for itself (client credentials) may not. */
  readonly peopleOnly?: boolean
  /** A call stays open for seconds, so the calls of one caller at once are counted. */
  readonly isLong?: boolean
  /** A `z.strictObject`: arguments nobody asked for are refused. */
  readonly input: Input
  /** A method, so that a tool of any input is a {@link Tool}. */
  run(call: ToolCall<z.output<Input>>): CallToolResult | Promise<CallToolResult>
}

export type Tool = ToolDefinition<z.ZodObject>

/** Ties the type of a tool's input to its schema. */
export function defineTool<Input extends z.ZodObject>(tool: ToolDefinition<Input>): Tool {
  return tool
}

/** A result that is one piece of text. */
export function text(content: string): CallToolResult {
  return { content: [{ type: 'text', text: content }] }
}
