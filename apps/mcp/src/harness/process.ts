// For tests: the server as a process, from source.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { compileCache } from '@gatehouse/testing'

export interface ServerProcess extends AsyncDisposable {
  readonly pid: number
  /** Everything it said so far. */
  readonly output: () => string
  readonly exited: Promise<number | null>
  kill(signal: NodeJS.Signals): void
  /** Waits until it has said this. Throws if it ends before. */
  until(words: string): Promise<void>
}

/** `script` is relative to this package's source. */
export function startProcess(env: Readonly<Record<string, string>>, script = 'main.ts'): ServerProcess {
  const main = join(import.meta.dirname, '..', script)
  const child = spawn(process.execPath, ['--conditions=gatehouse-source', main], {
    env: { PATH: process.env.PATH, ...compileCache, ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited,
    kill: (signal) => void child.kill(signal),
    until: async (words) => {
      while (!output.includes(words)) {
        if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}: ${output}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
