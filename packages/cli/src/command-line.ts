// The `gatehouse` command: the client's commands, and those that take the services. A command of the second kind is loaded
// when it is asked for: the client's start without them.
import { createTerminal, type Host, run, showError } from '@gatehouse/client/command-line'
import { ClientError, cleanLine, findClientError } from '@gatehouse/network'
import type { Programs } from './command.ts'
import { commands } from './commands.ts'

/** Runs one command line; never throws. Returns the exit code. `folder`: where the person is. */
export async function runCommandLine(args: readonly string[], host: Host, folder: string): Promise<number> {
  const [name, ...rest] = args
  const command = commands.find((one) => one.name === name)
  if (!command) return await run(args, host, commands)
  const { stdout, stderr, signal, env } = host
  const terminal = createTerminal({ stdout, stderr, env })
  const programs = programsOf(env)
  try {
    return await command.run({ args: rest, env, terminal, signal, stderr, folder, programs })
  } catch (thrown) {
    const error = findClientError(thrown) ?? unexpected(thrown)
    showError(terminal, error, (line) => `${programs.client} ${line}`)
    return error.exitCode
  }
}

/** In a clone commands go through npm: see scripts/bootstrap.mjs. */
function programsOf(env: Host['env']): Programs {
  return env.GATEHOUSE_CALLED_FROM === undefined
    ? { protect: 'gatehouse protect', client: 'gatehouse' }
    : { protect: 'npm start -- protect', client: 'npm run -s client --' }
}

function unexpected(thrown: unknown): ClientError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new ClientError('unexpected', 'Something went wrong that this command did not foresee.', {
    reason: cleanLine(`${error.name}: ${error.message}`),
    hint: 'This is a fault of this program: please report it.',
    cause: thrown,
  })
}
