// For tests: a repl in this process, driven by a script or by keys. Not part of the library.
import { PassThrough } from 'node:stream'
import type { CommandLine } from './command-line.ts'

export interface ReplSession {
  /** Sends one command. */
  line(text: string): void
  /** Sends keys as they are. */
  type(keys: string): void
  /** Waits until the repl says it, after what was waited for before. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  /** Ends the input; resolves with the exit code. */
  end(): Promise<number>
  readonly ended: Promise<number>
  readonly stdout: () => string
  readonly stderr: () => string
}

export interface ReplSessionOptions {
  readonly args?: readonly string[]
  /** Columns of a terminal; absent: a script, no terminal. */
  readonly columns?: number
  readonly env?: Record<string, string>
  readonly signal?: AbortSignal
}

export function startRepl(shell: CommandLine, options: ReplSessionOptions = {}): ReplSession {
  const { args = [], columns, env, signal = new AbortController().signal } = options
  const terminal = columns === undefined ? {} : { isTTY: true, columns }
  const stdin = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true })
  const written = { all: '', stdout: '', stderr: '' }
  let seen = 0
  const listeners = new Set<() => void>()
  const writer = (stream: 'stdout' | 'stderr') => ({
    ...terminal,
    write(text: string) {
      written.all += text
      written[stream] += text
      for (const listener of listeners) listener()
    },
  })
  const ended = shell
    .run(['repl', ...args], { stdin, stdout: writer('stdout'), stderr: writer('stderr'), signal, ...(env && { env }) })
    .then(({ code }) => code)

  return {
    ended,
    line: (text) => void stdin.write(`${text}\n`),
    type: (keys) => void stdin.write(keys),
    says(pattern) {
      const look = () => {
        const found = pattern.exec(written.all.slice(seen))
        if (found) seen += found.index + found[0].length
        return found
      }
      const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
      const check = () => {
        const found = look()
        if (!found) return
        listeners.delete(check)
        resolve(found)
      }
      listeners.add(check)
      check()
      const missing = () => reject(new Error(`the repl ended without ${pattern}; it said:\n${written.all}`))
      void ended.then(missing, missing)
      return promise
    },
    async end() {
      stdin.end()
      return await ended
    },
    stdout: () => written.stdout,
    stderr: () => written.stderr,
  }
}
