// The shape of a command of the repl. They live in files by subject; index.ts is the list.
import type { Stop } from '../mcp/connection.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { LiveServer, Named } from './live-server.ts'

/** What a command came to: for scripts, and for people. */
export interface Shown {
  readonly json: unknown
  show(terminal: Terminal): void
  /** The tool reported an error: a script ends with that exit code. */
  readonly failed?: boolean | undefined
}

export interface ReplCommand {
  readonly name: string
  /** What follows the name: `NAME {json}`. */
  readonly operands?: string
  readonly summary: string
  /** What Tab completes after the name. */
  readonly completes?: Named
  /** `rest` is the line after the command's name, trimmed. */
  run(live: LiveServer, rest: string, stop: Stop): Promise<Shown>
}

/** A command that has nothing to show but that it was done. */
export function done(text: string, json: Record<string, unknown> = {}): Shown {
  return { json, show: (terminal) => terminal.success(text) }
}
