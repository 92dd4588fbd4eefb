// The process that a command line runs in: its streams, its environment, its signals. No logic.
import { dnsLookup } from '@gatehouse/network'
import { systemClock } from './clock.ts'
import type { Host } from './commands/command.ts'
import { openUrl } from './flows/open-url.ts'

const numbers = { SIGINT: 2, SIGTERM: 15 } as const

/** Runs one command line with all of this process, and sets the exit code. */
export async function runProcess(run: (args: readonly string[], host: Host) => Promise<number>): Promise<void> {
  const stop = new AbortController()
  for (const [name, number] of Object.entries(numbers)) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(128 + number) // the second time at once
      stop.abort()
    })
  }
  // Whoever reads our output may stop reading: `gatehouse tools | head -1`.
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
