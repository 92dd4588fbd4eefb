// The shape of a command. Each lives in a file of its own; index.ts is the list.
import type { ParseArgsOptionDescriptor } from 'node:util'
import type { Client } from '../client.ts'
import type { Clock } from '../clock.ts'
import type { Session } from '../session/session.ts'
import type { Terminal } from '../terminal/terminal.ts'

interface Option extends ParseArgsOptionDescriptor {
  /** What the value is called in the help: `SECONDS`. */
  readonly value?: string
  readonly help: string
}

export type Options = Readonly<Record<string, Option>>

export type Values = Readonly<Record<string, string | boolean | undefined>>

export interface CommandContext {
  readonly client: Client
  readonly terminal: Terminal
  readonly clock: Clock
  readonly values: Values
  /** What follows the command's name. */
  readonly operands: readonly string[]
  /** Whether standard output is to be one JSON document. */
  readonly json: boolean
  /** Seconds to wait for a person who signs in; absent: as long as the server does. */
  readonly timeout: number | undefined
  /** Whether signing in would ask nobody: there is a secret. */
  readonly needsNobody: boolean
  /** Signs in as the options say, and tells the person. */
  signIn(): Promise<Session>
  /** Signs in only where there is no session; a session that came to an end is an error. */
  ensureSignedIn(): Promise<Session>
}

export interface Command {
  readonly name: string
  /** What follows the name in the usage line: `NAME ['{json}']`. */
  readonly operands?: string
  readonly summary: string
  /** Paragraphs for `--help`, wrapped when they are printed. */
  readonly details?: readonly string[]
  readonly options: Options
  /** Returns the exit code if it is not 0. */
  run(context: CommandContext): Promise<number | undefined>
}
