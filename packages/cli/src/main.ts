// The process of the `gatehouse` command. No logic.
import { runProcess } from '@gatehouse/client/command-line'
import { runCommandLine } from './command-line.ts'
import { commands } from './commands.ts'

/** Milliseconds for all of closing. Less than what others wait before they kill. */
const longestClose = 12_000

const { GATEHOUSE_CALLED_FROM, GATEHOUSE_PARENT } = process.env
const command = commands.find(({ name }) => name === process.argv[2])
const endsBySignal = command?.endsBySignal === true

// Who started us as a part of itself, and was killed, could not tell.
if (endsBySignal && GATEHOUSE_PARENT === String(process.ppid)) {
  const parent = process.ppid
  setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGTERM'), 1000).unref()
}

await runProcess((args, host) => runCommandLine(args, host, GATEHOUSE_CALLED_FROM ?? process.cwd()), {
  closeWithin: endsBySignal ? longestClose : undefined,
})
