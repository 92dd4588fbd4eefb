// The shape of a command. Each lives in a file of its own; index.ts is the list.
import type { ParseArgsOptionDescriptor } from 'node:util'
import type { ClientError, Fetch, Lookup } from '@gatehouse/network'
import type { Environment } from '@gatehouse/shared'
import type { Client } from '../client.ts'
import type { Clock } from '../clock.ts'
import type { OpenUrl } from '../flows/open-url.ts'
import type { Stop } from '../mcp/connection.ts'
import type { Notify } from '../session/private-files.ts'
import type { Session } from '../session/session.ts'
import type { CommandLine, Input, Output, Terminal } from '../terminal/terminal.ts'

interface Option extends ParseArgsOptionDescriptor {
  /** What the value is called in the help: `SECONDS`. */
  readonly value?: string
  readonly help: string
}

export type Options = Readonly<Record<string, Option>>

export type Values = Readonly<Record<string, string | boolean | undefined>>

/** What a command is given of the process. */
export interface Host {
  readonly env: Environment
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  readonly fetch: Fetch
  readonly lookup: Lookup
  readonly openUrl: OpenUrl
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** Signing in to one server. */
export interface Access {
  readonly client: Client
  /** Signs in as the options say, and tells the person. */
  signIn(stop?: Stop): Promise<Session>
  /** Signs in only where there is no session; a session that came to an end is an error. */
  ensureSignedIn(stop?: Stop): Promise<Session>
  /** Runs `work`; where the server asks for a sign-in and there is no session, signs in and runs it again, once. */
  signingIn<T>(work: () => Promise<T>, stop?: Stop): Promise<T>
}

export interface CommandContext extends Access, Pick<Host, 'clock' | 'fetch' | 'lookup' | 'signal'> {
  /** The same for another server. Throws a usage error for what is no address of one. */
  readonly accessTo: (url: string | URL) => Access
  readonly terminal: Terminal
  readonly values: Values
  /** What follows the command's name. */
  readonly operands: readonly string[]
  /** Whether standard output is to be JSON. */
  readonly json: boolean
  /** Seconds to wait for a person who signs in; absent: as long as the server does. */
  readonly timeout: number | undefined
  /** Whether signing in would ask nobody: there is a secret. */
  readonly needsNobody: boolean
  /** The folder for what is kept. */
  readonly home: string
  /** Where commands come from and lines are typed. */
  readonly input: Input
  readonly output: Output
  readonly notify: Notify
  readonly commandLine: CommandLine
  /** Whatever was thrown, as an error to show. */
  readonly explain: (thrown: unknown) => ClientError
}

/** A command in the list of all. */
export interface Summary {
  readonly name: string
  /** What follows the name in the usage line: `NAME ['{json}']`. */
  readonly operands?: string
  readonly summary: string
}

export interface Command extends Summary {
  /** Paragraphs for `--help`, wrapped when they are printed. */
  readonly details?: readonly string[]
  readonly options: Options
  /** Returns the exit code if it is not 0. */
  run(context: CommandContext): Promise<number | undefined>
}
