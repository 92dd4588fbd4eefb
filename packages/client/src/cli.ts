#!/usr/bin/env node
import { dnsLookup } from '@gatehouse/network'
// The `gatehouse` command: the only file that knows the process. No logic.
import { systemClock } from './clock.ts'
import { run } from './commands/run.ts'
import { openUrl } from './flows/open-url.ts'

const stop = new AbortController()
for (const [name, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
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
