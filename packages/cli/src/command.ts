// The shape of a command that takes the services. Each lives in a folder of its own; commands.ts is the list.

import type { Host, Summary, Terminal } from '@gatehouse/client/command-line'
import type { Environment } from '@gatehouse/shared'

export interface CommandContext {
  /** What follows the command's name. */
  readonly args: readonly string[]
  readonly env: Environment
  readonly terminal: Terminal
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  readonly stderr: Host['stderr']
  /** The folder that the person is in: paths are relative to it. */
  readonly folder: string
  readonly programs: Programs
}

/** How commands are called here, to be pasted. */
export interface Programs {
  /** `gatehouse protect`, or `npm start -- protect` in a clone. */
  readonly protect: string
  /** `gatehouse`, or `npm run -s client --`. */
  readonly client: string
}

export interface OwnCommand extends Summary {
  /** Whether a signal ends it as it should: it is then given time to end what it started. */
  readonly endsBySignal: boolean
  /** Resolves with the exit code; rejects with a ClientError for what a person can mend. */
  run(context: CommandContext): Promise<number>
}
