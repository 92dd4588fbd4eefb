// The process that a command line runs in: its streams, its environment, its signals. No logic.
import { dnsLookup } from '@gatehouse/network'
import { systemClock } from './clock.ts'
import type { Host } from './commands/command.ts'
import { openUrl } from './flows/open-url.ts'

export interface ProcessOptions {
  /**
   * Milliseconds for a run that has something to end when it is told to stop: further signals change nothing until then,
   * and a terminal that closes tells it, too. Absent: the second signal ends it at once.
   */
  readonly closeWithin?: number | undefined
}

const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const

/** Runs one command line with all of this process, and sets the exit code. */
export async function runProcess(
  run: (args: readonly string[], host: Host) => Promise<number>,
  { closeWithin }: ProcessOptions = {},
): Promise<void> {
  const stop = new AbortController()
  for (const [name, number] of Object.entries(numbers)) {
    if (name === 'SIGHUP' && closeWithin === undefined) continue
    const exit = () => process.exit(128 + number)
    process.on(name, () => {
      if (closeWithin === undefined && stop.signal.aborted) exit()
      if (closeWithin !== undefined && !stop.signal.aborted) setTimeout(exit, closeWithin).unref()
      stop.abort()
    })
  }
  // Anyone who reads our output may stop reading: `gatehouse tools | head -1`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  process.exitCode = await run(process.argv.slice(2), {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    fetch: (url, init) => fetch(url, init),
    lookup: dnsLookup,
    openUrl,
    signal: stop.signal,
  })
}
