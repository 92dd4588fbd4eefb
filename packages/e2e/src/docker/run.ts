import { execFile } from 'node:child_process'
import { repository } from '@gatehouse/testing'

export interface RunOptions {
  /** Beside our own environment. */
  readonly env?: Readonly<Record<string, string>>
  /** Milliseconds. By default a minute. */
  readonly within?: number | undefined
}

/** What a program prints, or an error with it. */
export function run(
  command: string,
  args: readonly string[],
  { env = {}, within = 60_000 }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: repository, env: { ...process.env, ...env }, timeout: within, maxBuffer: 64 << 20 }
    execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const why = error.killed ? `took longer than ${within} ms` : `exit code ${error.code}`
      reject(new Error(`${command} ${args.join(' ')}: ${why}\n${(stdout + stderr).slice(-4000)}`))
    })
  })
}
