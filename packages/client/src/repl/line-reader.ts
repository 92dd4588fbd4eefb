// Where the repl's commands come from: a person at a terminal (node:readline, with what is typed kept intact while
// something else is printed), or a script, one command a line.
import { clearScreenDown, createInterface, cursorTo, moveCursor } from 'node:readline'
import { Writable } from 'node:stream'
import type { Input, Output } from '../terminal/terminal.ts'
import type { Completion } from './completion.ts'

export interface LineReaderOptions {
  readonly input: Input
  readonly output: Output
  /** Whether a person types: both ends are a terminal that can move its cursor. */
  readonly interactive: boolean
  readonly prompt: string
  /** Newest first. */
  readonly history: readonly string[]
  readonly onHistory: (lines: readonly string[]) => void
  readonly complete: (line: string) => Promise<Completion>
  /** Ctrl-C while a command runs; while a line is typed it empties that line. */
  readonly onInterrupt: () => void
  readonly signal: AbortSignal
}

export interface LineReader {
  /** The next line; `undefined` at the end. */
  next(): Promise<string | undefined>
  /** Prints above the line that is being typed. */
  above(print: () => void): void
  close(): void
}

export function createLineReader(options: LineReaderOptions): LineReader {
  const { input, output, interactive, prompt, history, onHistory, complete, onInterrupt, signal } = options
  const typed: string[] = []
  let waiting: ((line: string | undefined) => void) | undefined
  let ended = false
  const echo = createEcho(output)
  const reader = createInterface({
    input,
    terminal: interactive,
    prompt,
    ...(interactive && {
      output: echo,
      history: [...history],
      historySize: 500,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, found: [string[], string]) => void) =>
        void complete(line).then(({ found, part }) => done(null, [[...found], part])),
    }),
  })
  reader.on('history', onHistory)
  reader.on('line', (line) => {
    echo.open = false
    if (waiting) hand(line)
    else typed.push(line)
  })
  reader.on('close', () => {
    ended = true
    hand(undefined)
  })
  reader.on('SIGINT', () => {
    if (!waiting) onInterrupt()
    else if (reader.line === '') above(() => output.write('Type quit, or press Ctrl-D, to leave.\n'))
    else {
      reader.write(null, { ctrl: true, name: 'e' })
      reader.write(null, { ctrl: true, name: 'u' })
    }
  })
  signal.addEventListener('abort', () => reader.close())

  function hand(line: string | undefined): void {
    waiting?.(line)
    waiting = undefined
  }

  function above(print: () => void): void {
    if (!interactive || !echo.open) {
      print()
      return
    }
    const { rows } = reader.getCursorPos()
    moveCursor(echo, 0, -rows)
    cursorTo(echo, 0)
    clearScreenDown(echo)
    print()
    echo.write('\n'.repeat(rows)) // readline moves up by as many rows before it draws the line again
    reader.prompt(true)
  }

  return {
    async next() {
      const line = typed.shift()
      if (line !== undefined) {
        if (interactive) output.write(`${prompt}${line}\n`) // typed while the last command ran, and not shown then
        return line
      }
      if (ended) return undefined
      const next = new Promise<string | undefined>((resolve) => {
        waiting = resolve
      })
      if (interactive) {
        echo.open = true
        reader.prompt(true)
      }
      return await next
    },
    above,
    close: () => reader.close(),
  }
}

/** What readline writes to. While a command runs it is shut, so that keys do not land in the command's output. */
function createEcho(output: Output) {
  const echo = Object.assign(
    new Writable({
      write(chunk, _encoding, done) {
        if (echo.open) output.write(String(chunk))
        done()
      },
    }),
    { open: false },
  )
  return Object.defineProperty(echo, 'columns', { get: () => output.columns ?? 80 })
}
