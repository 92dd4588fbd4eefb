// For tests: the command in this process, with a clock that jumps instead of waiting. Not part of the library.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { dnsLookup } from '@gatehouse/network'
import type { Clock } from '../clock.ts'
import { type Host, run } from '../commands/run.ts'

export interface TestClock extends Clock {
  elapse(seconds: number): void
  /** What was slept, in order. */
  readonly slept: number[]
}

/** A clock that stands still, except that sleeping moves it. `start` in seconds since the epoch. */
export function createTestClock(start = Date.now() / 1000): TestClock {
  let now = start
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    elapse(seconds) {
      now += seconds
    },
    async sleep(seconds, signal) {
      await new Promise((resolve) => setImmediate(resolve))
      signal?.throwIfAborted()
      slept.push(seconds)
      now += seconds
    },
  }
}

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandLine extends AsyncDisposable {
  readonly home: string
  readonly clock: TestClock
  run(args: readonly string[], overrides?: Partial<Host> & { columns?: number }): Promise<Ran>
}

/** Runs commands against one MCP server, with a home of their own. */
export async function createCommandLine(mcpUrl: string, clock = createTestClock()): Promise<CommandLine> {
  const home = await mkdtemp(join(tmpdir(), 'gatehouse-client-'))
  return {
    home,
    clock,
    async run(args, { columns, ...overrides } = {}) {
      let [stdout, stderr] = ['', '']
      const terminal = columns === undefined ? {} : { isTTY: true, columns }
      const code = await run([...args, '--url', mcpUrl], {
        stdin: Readable.from([]),
        stdout: { ...terminal, write: (text) => (stdout += text) },
        stderr: { ...terminal, write: (text) => (stderr += text) },
        clock,
        fetch: (url, init) => fetch(url, init),
        lookup: dnsLookup,
        openUrl: () => {},
        signal: new AbortController().signal,
        ...overrides,
        env: { GATEHOUSE_HOME: home, ...overrides.env },
      })
      return { code, stdout, stderr }
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  }
}
