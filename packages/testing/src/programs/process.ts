// A child process of a test: from source, everything it says is kept, and it ends with the test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { compileCache, repository } from './repository.ts'

const endWithin = 10_000

export interface RunningProcess extends AsyncDisposable {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  /** Both streams as they came. */
  readonly output: () => string
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  readonly hasExited: () => boolean
  readonly signal: (signal: NodeJS.Signals) => void
  /** Sends to its standard input, which takes something only if `input` was given. */
  readonly type: (text: string) => void
  /** Resolves with the match once the output has it; rejects with the output if the process ends before, or in time. */
  readonly says: (pattern: RegExp, within?: number) => Promise<RegExpExecArray>
  /** SIGTERM, and SIGKILL if that is not enough in ten seconds. */
  readonly end: () => Promise<void>
}

export interface ProcessOptions {
  /** Added to a small environment; nothing else of ours is handed on. */
  readonly env?: Readonly<Record<string, string>>
  readonly command?: string
  /** What is typed in at once; standard input then stays open. By default it is at its end. */
  readonly input?: string
  /** The folder it runs in, by default the repository. */
  readonly cwd?: string
  /** A file that is /etc/hosts to this process alone. Takes root, on Linux. */
  readonly hosts?: string
  /** The file to run was compiled, and what Node.js makes of it is not kept: as in images. */
  readonly built?: boolean
}

const fromSource = ['--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning']
const asInImages = ['--enable-source-maps', '--disable-warning=ExperimentalWarning']

/** `args` begin with the file to run, relative to the repository. */
export function startProcess(
  args: readonly string[],
  { env = {}, command = process.execPath, input, cwd = repository, hosts, built = false }: ProcessOptions = {},
): RunningProcess {
  const node = command === process.execPath ? (built ? asInImages : fromSource) : []
  const { PATH = '', HOME = '' } = process.env
  const line = [...(hosts ? withHosts(hosts) : []), command, ...node, ...args]
  const child = spawn(line[0] as string, line.slice(1), {
    cwd,
    env: { PATH, HOME, NO_COLOR: '1', ...(!built && compileCache), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // a program that ends before it reads is not our trouble
  child.stdin.on('error', () => undefined)
  if (input === undefined) child.stdin.end()
  else child.stdin.write(input)
  const kept = { stdout: '', stderr: '', output: '' }
  const listeners = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      kept[name] += text
      kept.output += text
      for (const listener of listeners) listener()
    })
  }
  const exited = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }))
  const hasExited = () => child.exitCode !== null || child.signalCode !== null

  const end = async () => {
    if (!hasExited()) child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), endWithin)
    await exited
    clearTimeout(timer)
  }

  return {
    pid: child.pid ?? 0,
    stdout: () => kept.stdout,
    stderr: () => kept.stderr,
    output: () => kept.output,
    exited,
    hasExited,
    signal: (signal) => child.kill(signal),
    type: (text) => void child.stdin.write(text),
    says: (pattern, within = 20_000) =>
      new Promise((resolve, reject) => {
        const finish = (act: () => void) => {
          listeners.delete(look)
          clearTimeout(timer)
          act()
        }
        const look = () => {
          const match = pattern.exec(kept.output)
          if (match) finish(() => resolve(match))
        }
        const fail = (why: string) =>
          finish(() => reject(new Error(`${why} without saying ${pattern}:\n${kept.output}`)))
        const timer = setTimeout(() => fail(`${within} ms passed`), within)
        listeners.add(look)
        look()
        void exited.then(() => {
          look()
          if (listeners.has(look)) fail('it ended')
        })
      }),
    end,
    [Symbol.asyncDispose]: end,
  }
}

/** What a command begins with that has mounts of its own. It becomes the command: signals reach that. */
function withHosts(file: string): readonly string[] {
  return ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', file]
}
