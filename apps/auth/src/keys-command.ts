// The process of an operator who looks after the signing keys of a service that runs.
import { keysUsage, parseKeysCommand, runKeysCommand } from './keys/command-line.ts'
import { runOperatorCommand } from './operator-process.ts'

/** Milliseconds. Longer than replicas take to read what others wrote: see provider/engine.ts. */
const holdTime = 6_000

await runOperatorCommand({
  usage: keysUsage,
  parse: parseKeysCommand,
  run: (command, { store: { documents, shared }, config: { lifetimes } }) =>
    runKeysCommand(command, { documents, lifetimes, hold: shared ? holdTime : 0, clock: Date.now }),
})
