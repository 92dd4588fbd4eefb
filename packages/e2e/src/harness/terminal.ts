// A program at a real terminal (a pty, by python3), with keys going in; and what a person has before their eyes, read off
// as the terminal would have drawn it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { repository } from '@gatehouse/testing'

const endWithin = 10_000
const columns = 100

export const keys = { up: '\u001b[A', tab: '\t', enter: '\r', controlD: '\u0004' }

export interface TerminalSession extends AsyncDisposable {
  /** Sends keys as they are. */
  readonly type: (text: string) => void
  /** Waits until it is on the screen, below what was waited for before. Rejects with the screen if it does not come. */
  readonly says: (pattern: RegExp, within?: number) => Promise<RegExpExecArray>
  /** Everything that was drawn so far, scrolled-off lines included, without colours. */
  readonly screen: () => string
  /** The exit code. */
  readonly exited: Promise<number | null>
}

const inPty = `
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
`

/** The command that runs another at a terminal of {@link columns} by 40 characters. */
export function atTerminal(command: readonly string[]): readonly [string, ...string[]] {
  return ['python3', '-c', inPty, 'sh', '-c', `stty cols ${columns} rows 40; exec "$@"`, 'sh', ...command]
}

/** `args` begin with the file to run, relative to the repository. */
export function startTerminal(args: readonly string[], env: Readonly<Record<string, string>>): TerminalSession {
  const { PATH = '', HOME = '' } = process.env
  const node = [process.execPath, '--conditions=gatehouse-source', '--disable-warning=ExperimentalWarning']
  const [program, ...rest] = atTerminal([...node, ...args])
  const child = spawn(program, rest, {
    cwd: repository,
    env: { PATH, HOME, TERM: 'xterm', NO_COLOR: '1', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => undefined)
  const drawing = createDrawing()
  const listeners = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    drawing.write(text)
    for (const listener of listeners) listener()
  })
  const exited = once(child, 'close').then(([code]) => code as number | null)
  let seen = 0
  return {
    type: (text) => void child.stdin.write(text),
    screen: drawing.text,
    exited,
    says: async (pattern, within = 20_000) => {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>()
      const look = () => {
        const match = pattern.exec(drawing.text().slice(seen))
        if (!match) return
        seen += match.index + match[0].length
        resolve(match)
      }
      const fail = () => reject(new Error(`${pattern} is not on the screen:\n${drawing.text()}`))
      const timer = setTimeout(fail, within)
      listeners.add(look)
      void exited.then(look).then(fail)
      look()
      return promise.finally(() => {
        clearTimeout(timer)
        listeners.delete(look)
      })
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), endWithin)
      await exited
      clearTimeout(timer)
    },
  }
}

/** As much of a terminal as node:readline uses: cursor up, down and to a column; erasing to the end of line or screen. */
function createDrawing() {
  const rows: string[][] = [[]]
  let [row, column] = [0, 0]
  let rest = ''
  const cells = () => {
    while (rows.length <= row) rows.push([])
    return rows[row] as string[]
  }

  function control(count: string, kind: string): void {
    const by = Number(count || 1)
    if (kind === 'A') row = Math.max(0, row - by)
    else if (kind === 'B') row += by
    else if (kind === 'C') column += by
    else if (kind === 'D') column = Math.max(0, column - by)
    else if (kind === 'G') column = by - 1
    else if (kind === 'K' || kind === 'J') {
      cells().length = Math.min(cells().length, column)
      if (kind === 'J') rows.length = row + 1
    }
  }

  function put(character: string): void {
    if (character === '\n') row += 1
    else if (character === '\r') column = 0
    else if (character === '\b') column = Math.max(0, column - 1)
    else if (character >= ' ') {
      if (column === columns) [row, column] = [row + 1, 0]
      const line = cells()
      while (line.length < column) line.push(' ')
      line[column] = character
      column += 1
    }
    cells()
  }

  return {
    write(text: string) {
      const all = rest + text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is read
      rest = /\u001b(\[[0-9;?]*)?$/.exec(all)?.[0] ?? '' // a sequence that is not whole yet
      const whole = all.slice(0, all.length - rest.length)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
      for (const [, count, kind, character] of whole.matchAll(/\u001b\[([0-9;?]*)([A-Za-z])|([\s\S])/gu)) {
        if (kind === undefined) put(character ?? '')
        else control(count ?? '', kind)
      }
    },
    text: () => rows.map((line) => line.join('').trimEnd()).join('\n'),
  }
}
