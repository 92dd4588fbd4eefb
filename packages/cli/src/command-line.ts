// The `gatehouse` command: the client's commands, and those that take the services. A command of the second kind is loaded
// when it is asked for: the client's start without them.
import { type Host, run } from '@gatehouse/client/command-line'

/** Runs one command line; never throws. Returns the exit code. */
export async function runCommandLine(args: readonly string[], host: Host): Promise<number> {
  return await run(args, host)
}
