// What a tool is. One file a tool, the list in index.ts. A tool knows who calls and what it was given; tokens, scopes,
// HTTP and the protocol's eras are settled before it runs.
import type { CallToolResult } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import type { SourceCaller, ToolTerms } from '../../source.ts'

/** What a tool may say while it works. Clients hear it as far as they want to. */
export interface Notify {
  /** A line for anyone who watches. A client of 2026-07-28 gets it if it asked for logging with this very call. */
  message(text: string): Promise<void>
  /** How far it is. Only for clients that asked for progress. `done` MUST grow. */
  progress(done: number, total: number, text?: string): Promise<void>
}

export interface ToolCall<Input> {
  readonly input: Input
  readonly caller: SourceCaller
  readonly notify: Notify
  /** Aborted when nobody waits for the result any more: cancelled, disconnected (2026-07-28), or the token expired. */
  readonly signal: AbortSignal
}

export interface ToolDefinition<Input extends z.ZodObject> extends ToolTerms {
  readonly name: string
  readonly title: string
  /** For the model that chooses among tools. */
  readonly description: string
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
