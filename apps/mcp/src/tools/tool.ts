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

export interface ToolDefinition<Input extends z.ZodObject> {
  readonly name: string
  readonly title: string
  /** For the model that chooses among tools. */
  readonly description: string
  /** All scopes that a call needs; a challenge names all of them. */
  readonly scopes: readonly [string, ...string[]]
  /** A `z.strictObject`: arguments nobody asked for are refused. */
  readonly input: Input
  /** A method, so that a tool of any input is a {@link Tool}. */
  run(call: { readonly input: z.output<Input>; readonly caller: ToolCaller }): CallToolResult | Promise<CallToolResult>
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
